package bmff

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
)

// large writes a film of 300 MB with 200,000 chunks, its movie first, as players on the web want it: the label moves all media.
func large(b *testing.B, name string) {
	b.Helper()
	const size, count = 300 << 20, 200_000
	places := make([]int64, count)
	head := brand("isom")
	begin := int64(len(head)) + movieBox(places...).size() + 8
	for i := range places {
		places[i] = begin + int64(i)*(size/count)
	}
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i * i >> 7)
	}
	_, err = f.Write(slices.Concat(head, movieBox(places...).write(nil), u32(size+8), []byte("mdat")))
	for range size / len(block) {
		if err == nil {
			_, err = f.Write(block)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFilm writes a labelled film of 300 MB beside cp of the same file, in turn, and reports the ratio of their times and the most memory
// that was in use for the label.
func BenchmarkFilm(b *testing.B) {
	if testing.Short() {
		b.Skip("writes 300 MB a turn")
	}
	cp, err := exec.LookPath("cp")
	if err != nil {
		b.Skip("there is no cp here")
	}
	dir := b.TempDir()
	film, out := filepath.Join(dir, "film.mp4"), filepath.Join(dir, "out.mp4")
	large(b, film)
	var ours, copied []time.Duration
	held := uint64(0)
	b.SetBytes(300 << 20)
	for b.Loop() {
		begin := time.Now()
		if err := exec.CommandContext(b.Context(), cp, "--reflink=never", film, out).Run(); err != nil {
			b.Fatal(err)
		}
		copied = append(copied, time.Since(begin))
		_ = os.Remove(out)

		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin = time.Now()
		labelTo(b, film, out)
		ours = append(ours, time.Since(begin))
		runtime.ReadMemStats(&after)
		held = max(held, after.TotalAlloc-before.TotalAlloc)
		_ = os.Remove(out)
	}
	slices.Sort(ours)
	slices.Sort(copied)
	b.ReportMetric(float64(ours[len(ours)/2])/float64(copied[len(copied)/2]), "x-of-cp")
	b.ReportMetric(float64(held)/(1<<20), "MB-allocated")
}

func labelTo(b *testing.B, film, out string) {
	b.Helper()
	f, err := os.Open(film)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	e, err := format("mp4").Put(carrier.Open(f, info.Size()), carrier.Label{Value: carriertest.Value})
	if err != nil {
		b.Fatal(err)
	}
	w, err := os.Create(out)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if _, err := e.WriteTo(w); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPut finds the places and builds the edit, for a movie of 200,000 chunks in memory, without writing the media.
func BenchmarkPut(b *testing.B) {
	places := make([]int64, 200_000)
	file := slices.Concat(brand("isom"), movieBox(places...).write(nil), leaf("mdat", make([]byte, 100)).write(nil))
	for b.Loop() {
		e, err := format("mp4").Put(carrier.Bytes(file), carrier.Label{Value: carriertest.Value})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := e.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
