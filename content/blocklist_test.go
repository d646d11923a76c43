package content

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"strings"
	"testing"
)

func TestBlocklist(t *testing.T) {
	scene := image.NewNRGBA(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			scene.Set(x, y, color.NRGBA{uint8(128 + 90*math.Sin(float64(x)/40)*math.Cos(float64(y)/31)), uint8(x / 2), uint8(y), 255})
		}
	}
	save := func(quality int) []byte {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, scene, &jpeg.Options{Quality: quality}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	one, again := save(95), save(60)
	lines := BlockLines(one, "A1f")
	if len(lines) != 2 {
		t.Fatal(lines)
	}
	list, err := ReadBlocklist(strings.NewReader("# ours\n\n" + strings.Join(lines, "\n") + "  a note\n"))
	if err != nil || list.Len() != 2 {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"the file": one, "saved again": again} {
		if f, ok := list.Find(file); !ok || f.Risk != "A1f" {
			t.Errorf("%s: %+v %t", name, f, ok)
		}
	}
	for name, file := range map[string][]byte{"text": []byte("hello"), "nothing": nil, "half a file": one[:200]} {
		if f, ok := list.Find(file); ok {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for in, why := range map[string]string{
		"sha256:abc A1f": "line 1", "x A1f": "line 1", "look:0000000000000000 A1f": "hardly anything", "\n" + lines[0][:60]: "line 2", lines[0] + "x": "no risk", "sha256:" + strings.Repeat("ab", 32): "line 1",
	} {
		if _, err := ReadBlocklist(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzReadBlocklist(f *testing.F) {
	f.Add("sha256:" + strings.Repeat("ab", 32) + " A1f\n")
	f.Fuzz(func(t *testing.T, s string) {
		if l, err := ReadBlocklist(strings.NewReader(s)); err == nil {
			_, _ = l.Find([]byte(s))
		}
	})
}
