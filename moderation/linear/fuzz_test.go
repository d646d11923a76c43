package linear

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// small is a trained model of the least size.
func small(t testing.TB) *Model {
	t.Helper()
	m, _, err := Train(made(), Options{Name: "trial", Seed: 7, Buckets: MinBuckets})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// seal makes an artefact of a head and a body whose checksum is right, so that what stands behind the checksum is reached too.
func seal(head, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(head)))
	b = append(append(b, head...), body...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// whole checks a model that was loaded: it is the one of these bytes, and what it says is a probability.
func whole(t *testing.T, m *Model, artefact []byte) {
	t.Helper()
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil || !bytes.Equal(b.Bytes(), artefact) {
		t.Fatalf("two artefacts are one model (%v)", err)
	}
	if m.Hash() != fmt.Sprintf("%x", sha256.Sum256(artefact)) {
		t.Fatal("its hash is not that of its artefact")
	}
	text := "第1批甲物出售 Abcdefgh"
	for _, p := range m.Score(nil, []byte(text)) {
		if !(p >= 0 && p <= 1) {
			t.Fatalf("score %v", p)
		}
	}
	for _, l := range m.Labels() {
		if _, err := m.Explain(text, l); err != nil {
			t.Fatal(err)
		}
	}
	if m.Reference().Texts > 0 {
		d, err := Drift(m.Reference(), m.Snapshot([]string{text}))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range d.Labels {
			if math.IsNaN(x) || x < 0 {
				t.Fatalf("drift %v", x)
			}
		}
	}
}

// FuzzLoad: whatever the bytes, an error or a whole model of just these bytes. sealed has the bytes be a head whose checksum is right.
func FuzzLoad(f *testing.F) {
	m := small(f)
	raw, err := m.sealed()
	if err != nil {
		f.Fatal(err)
	}
	head, err := json.Marshal(m.head)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, false)
	f.Add(raw[:len(raw)-1], false)
	f.Add([]byte(magic), false)
	f.Add(head, true)
	for _, change := range [][2]string{{"{", "{ "}, {`"name"`, `"Name"`}, {`"buckets":1024`, `"buckets":1048576`}, {`"slope":`, `"slope":-`}, {`"scale":`, `"scale":1e9,"x":`},
		{`"unseen":`, `"unseen":-`}, {`"texts":`, `"texts":9`}, {`"A1a"`, `"A9z"`}, {`"labels":[`, `"labels":[null,`}, {`"name":"trial"`, `"name":"\ud800"`}} {
		f.Add([]byte(strings.Replace(string(head), change[0], change[1], 1)), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed {
			var h struct {
				Buckets int
				Labels  []json.RawMessage
			}
			if json.Unmarshal(b, &h) != nil || h.Buckets < 0 || h.Buckets > 1<<14 || len(h.Labels) > 8 {
				return
			}
			b = seal(b, bytes.Repeat([]byte{0x81}, h.Buckets/8+h.Buckets*len(h.Labels)))
		}
		m, err := Load(bytes.NewReader(b))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "classifier artefact: ") {
				t.Fatal(err)
			}
			return
		}
		whole(t, m, b)
	})
}

// FuzzRead: an error that names the line, or samples that training takes and that read the same when written again.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"", "\ufeff{\"text\":\"x\"}", "{\"text\":\"x\"} }", "{\"text\":\"x\"} {\"text\":\"y\"}", "{\"text\":\"x\",\"labels\":[\"A1a\"],\"weight\":2,\"group\":\"g\"}\n\n{\"text\":\"y\"}",
		"text\n", "text,labels\n\"a\nb\",A1a;A1b\n", "text\tweight\nx\tNaN\n", "text,weight\nx,1e999\n", "text,text\nx,y\n", "text\n\xff\n", "{\"text\":\"\xff\"}", "text,group\nx\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Read(bytes.NewReader(b))
		if err != nil {
			if got != nil || !strings.HasPrefix(err.Error(), "line ") && !strings.HasPrefix(err.Error(), "samples: ") {
				t.Fatalf("%d samples, %v", len(got), err)
			}
			return
		}
		if len(got) == 0 {
			t.Fatal("no sample and no error")
		}
		var lines bytes.Buffer
		e := json.NewEncoder(&lines)
		for _, s := range got {
			if err := s.check(); err != nil {
				t.Fatal(err)
			}
			if err := e.Encode(map[string]any{"text": s.Text, "labels": s.Labels, "weight": s.Weight, "group": s.Group}); err != nil {
				t.Fatal(err)
			}
		}
		again, err := Read(&lines)
		if err != nil || !slices.EqualFunc(got, again, func(a, b Sample) bool {
			return a.Text == b.Text && slices.Equal(a.Labels, b.Labels) && a.Weight == b.Weight && a.Group == b.Group
		}) {
			t.Fatalf("read again: %+v, %v\nfirst %+v", again, err, got)
		}
	})
}

// TestLoadRefusesHeadsThatCannotBe has the right checksum over a wrong head.
func TestLoadRefusesHeadsThatCannotBe(t *testing.T) {
	m := small(t)
	head, err := json.Marshal(m.head)
	if err != nil {
		t.Fatal(err)
	}
	body := append(slices.Clone(m.known), make([]byte, MinBuckets)...)
	if back, err := Load(bytes.NewReader(seal(head, body))); err != nil || !reflect.DeepEqual(back.head, m.head) {
		t.Fatalf("a good head: %v", err)
	}
	for what, want := range map[[2]string]string{
		{"{", "{ "}:                             "head is not written",
		{`{"name"`, `{"more":1,"name"`}:         "head is not written",
		{`"unseen":`, `"unseen":-1`}:            "cannot be",
		{`"texts":`, `"texts":1`}:               "does not add up",
		{`"id":"A1a"`, `"id":"A1z"`}:            "A1z",
		{`"threshold":0.`, `"threshold":9.`}:    "out of range",
		{`"fold":"`, `"fold":"x`}:               "train again",
		{`"buckets":1024`, `"buckets":1023`}:    "power of two",
		{`"reference":{`, `"reference":{"a":{`}: "head",
	} {
		bad := strings.Replace(string(head), what[0], what[1], 1)
		if bad == string(head) {
			t.Fatalf("%s is not in %s", what[0], head)
		}
		if _, err := Load(bytes.NewReader(seal([]byte(bad), body))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what[1], err, want)
		}
	}
}

// TestLimitIsKeptByItsInterval: the figures are those of the interval done by hand.
func TestLimitIsKeptByItsInterval(t *testing.T) {
	for _, c := range []struct {
		n     int
		limit float64
		want  int
	}{{188, 0.02, -1}, {189, 0.02, 0}, {20, 0.02, -1}, {1000, 0.02, 11}, {2600, 0.02, 38}, {0, 0.02, -1}} {
		k := allowedHits(c.n, c.limit)
		if k != c.want {
			t.Errorf("%d texts, limit %v: %d hits allowed, want %d", c.n, c.limit, k, c.want)
		}
		if k >= 0 && NewShare(k, c.n).High > c.limit || NewShare(k+1, c.n).High <= c.limit {
			t.Errorf("%d of %d: %v", k, c.n, NewShare(k, c.n))
		}
	}
	if n := Needed(0.02); n != 189 {
		t.Errorf("needed %d", n)
	}
	// A few texts do not show a limit; then none of them is hit, and the report says so.
	_, few := trained(t, made())
	if c := few.Labels[0].Calibrated; c == nil || c.Shown || c.OverBlock.Hits != 0 || c.Needed != 189 {
		t.Errorf("%+v", c)
	}
	var many []Sample
	for i := range 3000 {
		many = append(many, Sample{Text: fmt.Sprintf("今天第%d次去海边散步，风景很好", i)})
		if i%4 == 0 {
			many = append(many, Sample{Text: fmt.Sprintf("第%d批甲物出售，价格便宜", i), Labels: []string{"A1a"}})
		}
	}
	_, rep := trained(t, many)
	if c := rep.Labels[0].Calibrated; c == nil || !c.Shown || c.OverBlock.High > rep.Limit || c.OverBlock.Of < 189 {
		t.Errorf("%+v", c)
	}
}
