package carrier

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// TestEdit draws files and changes and compares every way of reading the edit with the bytes it stands for.
func TestEdit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "file")
		var want []byte
		var changes []Change
		at := 0
		for at <= len(b) && rapid.Bool().Draw(t, "more") {
			keep := rapid.IntRange(0, len(b)-at).Draw(t, "keep")
			remove := rapid.IntRange(0, len(b)-at-keep).Draw(t, "remove")
			insert := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "insert")
			changes = append(changes, Change{int64(at + keep), int64(remove), insert})
			want = append(append(want, b[at:at+keep]...), insert...)
			at += keep + remove
		}
		want = append(want, b[at:]...)
		for name, f := range map[string]*File{"memory": Bytes(b), "file": Open(bytes.NewReader(b), int64(len(b)))} {
			e, err := NewEdit(f, changes...)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var out bytes.Buffer
			if n, err := e.WriteTo(&out); err != nil || n != int64(len(want)) || !bytes.Equal(out.Bytes(), want) {
				t.Fatalf("%s: WriteTo gave %d bytes %q, %v; want %q", name, n, out.Bytes(), err, want)
			}
			if err := iotest.TestReader(io.NewSectionReader(e, 0, e.Size()), want); err != nil {
				t.Fatalf("%s: ReadAt: %v", name, err)
			}
			if name == "memory" {
				if got := bytes.Join(e.Buffers(), nil); !bytes.Equal(got, want) {
					t.Fatalf("Buffers gave %q, want %q", got, want)
				}
			}
			if e.InPlace() {
				into := inPlace(append([]byte{}, b...))
				if err := e.WriteInPlace(&into); err != nil || !bytes.Equal(into, want) {
					t.Fatalf("%s: in place gave %q, %v; want %q", name, into, err, want)
				}
			}
		}
	})
}

type inPlace []byte

func (b *inPlace) WriteAt(p []byte, at int64) (int, error) {
	if over := int(at) + len(p) - len(*b); over > 0 {
		*b = append(*b, make([]byte, over)...)
	}
	return copy((*b)[at:], p), nil
}

func TestEditRefusesBadChanges(t *testing.T) {
	f := Bytes([]byte("0123456789"))
	for name, changes := range map[string][]Change{
		"beyond the end":  {{8, 3, nil}},
		"negative":        {{-1, 0, nil}},
		"negative length": {{1, -1, nil}},
		"overlapping":     {{1, 4, nil}, {3, 1, nil}},
		"overflowing":     {{5, 1<<63 - 1, nil}},
	} {
		if _, err := NewEdit(f, changes...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestReadIsBounded(t *testing.T) {
	f := Open(bytes.NewReader(make([]byte, 10)), MaxRead+100) // a size that lies
	for name, c := range map[string]struct {
		at, n int64
		want  Kind
	}{
		"past the end":       {MaxRead + 99, 2, Truncated},
		"overflow":           {1, 1<<63 - 1, Truncated},
		"negative":           {-1, 1, Truncated},
		"more than allowed":  {0, MaxRead + 1, TooLarge},
		"fewer than claimed": {5, 10, Unreadable},
	} {
		if _, err := f.Read("x", c.at, c.n); KindOf(err) != c.want {
			t.Errorf("%s: %v, want kind %s", name, err, c.want)
		}
	}
}
