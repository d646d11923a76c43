package content

import (
	"cmp"
	"image"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/hegui/hegui/label/mark"
)

const (
	lookGrid   = 32  // cells a side of the picture that is transformed
	lookSample = 16  // samples a side of a cell
	lookFlat   = 2.5 // standard deviation, in levels of 255, below which a picture has no look
)

// MaxPixels is the largest image whose look is taken; ours.
const MaxPixels = 40 << 20

// Perceptual is a 64-bit hash of how an image looks: signs, against their median, of the 64 lowest frequencies (discrete cosine transform)
// of its brightness on a grid of 32 x 32 cells. Images that look alike differ in few bits (Distance); TestPerceptual has measured figures. Transparent
// parts count as white. It is 0, none, for an image that is nearly of one brightness: all such look alike and say nothing. The image must be turned as
// it is shown, as mark.Shown does.
func Perceptual(img image.Image) uint64 {
	b := img.Bounds()
	if b.Empty() {
		return 0
	}
	grid, flat := brightness(img, b)
	if flat {
		return 0
	}
	wave := cosines()
	var rows [lookGrid][lookLow]float64
	for y := range lookGrid {
		for v := range lookLow {
			for x := range lookGrid {
				rows[y][v] += grid[y][x] * wave[v][x]
			}
		}
	}
	var values [64]float64
	for i, at := range lowest() {
		for y := range lookGrid {
			values[i] += rows[y][at[1]] * wave[at[0]][y]
		}
	}
	sorted := slices.Clone(values[:])
	slices.Sort(sorted)
	median := (sorted[31] + sorted[32]) / 2
	var hash uint64
	for i, v := range values {
		if v > median {
			hash |= 1 << i
		}
	}
	return hash
}

// PerceptualFile is Perceptual of an image file as it is shown; mark.Shown says which kinds are read.
func PerceptualFile(file []byte) (uint64, error) {
	img, err := mark.Shown(file, MaxPixels)
	if err != nil {
		return 0, err
	}
	return Perceptual(img), nil
}

// Distance is the number of bits in which two perceptual hashes differ, 0 to 64.
func Distance(a, b uint64) int { return bits.OnesCount64(a ^ b) }

// brightness is the mean of each cell, and whether they hardly differ. The samples lie at the same fractions of any image, so that its size does not count.
func brightness(img image.Image, b image.Rectangle) (grid [lookGrid][lookGrid]float64, flat bool) {
	const n = lookGrid * lookSample
	sum, squares := 0.0, 0.0
	for sy := range n {
		y := b.Min.Y + (2*sy+1)*b.Dy()/(2*n)
		for sx := range n {
			r, g, bl, a := img.At(b.Min.X+(2*sx+1)*b.Dx()/(2*n), y).RGBA() // with alpha multiplied in
			white := 0xffff - a
			grid[sy/lookSample][sx/lookSample] += 0.299*float64(r+white) + 0.587*float64(g+white) + 0.114*float64(bl+white)
		}
	}
	const scale = 257 * lookSample * lookSample
	for y := range grid {
		for x := range grid[y] {
			grid[y][x] /= scale
			sum += grid[y][x]
			squares += grid[y][x] * grid[y][x]
		}
	}
	mean := sum / (lookGrid * lookGrid)
	return grid, math.Sqrt(max(0, squares/(lookGrid*lookGrid)-mean*mean)) < lookFlat
}

// lookLow is how many frequencies a side are computed; the 64 lowest lie within.
const lookLow = 11

var cosines = sync.OnceValue(func() (wave [lookLow][lookGrid]float64) {
	for f := range wave {
		for x := range wave[f] {
			wave[f][x] = math.Cos(math.Pi / lookGrid * (float64(x) + 0.5) * float64(f))
		}
	}
	return wave
})

// lowest are the 64 lowest frequencies but the mean, by their sum and then by the row.
var lowest = sync.OnceValue(func() [][2]int {
	var all [][2]int
	for u := range lookLow {
		for v := range lookLow {
			if u+v > 0 {
				all = append(all, [2]int{u, v})
			}
		}
	}
	slices.SortFunc(all, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0]+a[1], b[0]+b[1]), cmp.Compare(a[0], b[0])) })
	return all[:64]
})

// NearMax is the distance up to which Near finds everything.
const NearMax = 7

// SureLook is the distance up to which a look-alike counts as likely; beyond, as possible.
const SureLook = 3

// bands are the keys under which a hash is stored: the place of each band of 16 bits and its value.
func bands(hash uint64) [4]int64 {
	var out [4]int64
	for i := range out {
		out[i] = int64(i)<<16 | int64(hash>>(16*i)&0xffff)
	}
	return out
}

// probes are the bands of a hash and all bands that differ from them in one bit. Two hashes that differ in at most 7 bits differ in at most one
// in some band, for two or more in each of the four would be 8.
func probes(hash uint64) []int64 {
	out := make([]int64, 0, 4*17)
	for _, band := range bands(hash) {
		out = append(out, band)
		for bit := range 16 {
			out = append(out, band^1<<bit)
		}
	}
	return out
}
