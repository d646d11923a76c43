package mark

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func shot(t *testing.T, name string, img image.Image) {
	dir := os.Getenv("HEGUI_SHOTS")
	if dir == "" {
		return
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

func TestTry(t *testing.T) {
	for i, s := range []image.Point{{1024, 1024}, {1280, 720}, {720, 1280}, {512, 512}, {256, 256}, {128, 128}, {64, 64}, {40, 40}, {32, 32}, {4000, 200}, {200, 4000}, {64, 1000}, {1000, 40}} {
		img := scene(s.X, s.Y, uint64(i))
		t0 := time.Now()
		m, r, err := Draw(img, Options{})
		t1 := time.Now()
		if err != nil {
			t.Error(s, err)
			continue
		}
		f := Find(m)
		t2 := time.Now()
		fmt.Printf("%v %+v draw %v\n    %+v find %v\n", s, r, t1.Sub(t0), f, t2.Sub(t1))
		_, again, err := Draw(m, Options{})
		fmt.Println("   again", again.Already, err)
		shot(t, fmt.Sprintf("try-%dx%d", s.X, s.Y), m)
	}
}
