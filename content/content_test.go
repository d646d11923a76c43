package content

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var ann = journal.Actor{Kind: "staff", ID: "ann"}

const (
	ourCode   = "001191350100M000100Y4300000"
	theirCode = "001191110000600037341L00000"
)

// bench is a ledger whose time the test sets.
type bench struct {
	*Ledger
	t  *testing.T
	at time.Time
}

func each(t *testing.T, test func(t *testing.T, b *bench)) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		j, keys := testkit.Journal(t, db)
		if _, err := Open(context.Background(), db, j, keys.Ticket[:31]); err == nil {
			t.Fatal("a short secret was taken")
		}
		l, err := Open(context.Background(), db, j, keys.Ticket)
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{l, t, time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}
		l.now = func() time.Time { return b.at }
		test(t, b)
	})
}

// insert runs Insert as the closing of an exchange does.
func (b *bench) insert(items ...Item) error {
	_, err := b.j.Commit(context.Background(), journal.Write{Apply: b.Insert(items...)})
	return err
}

func (b *bench) must(items ...Item) {
	b.t.Helper()
	if err := b.insert(items...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) look(q Question) Answer {
	b.t.Helper()
	if q.Provider == "" {
		q.Provider = ourCode
	}
	a, err := b.Look(context.Background(), q)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

func pngOf(t testing.TB, img image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// labelled writes an implicit label.
func labelled(t testing.TB, file []byte, producer, id string) []byte {
	t.Helper()
	edit, err := label.Write(carrier.Bytes(file), label.Produced(producer, id), "")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := edit.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// made is an image as the gateway delivers one, and its item.
func made(t testing.TB, id string, seed uint64) (Item, []byte) {
	raw := pngOf(t, picture(seed, 320, 240))
	file := labelled(t, raw, ourCode, id)
	look, err := PerceptualFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return Item{ID: id, Exchange: "X" + id, Service: "paint", Application: "app", Subject: "subject1", Operation: "image", Model: "m1", Medium: "image", MIME: "image/png",
		Bytes: int64(len(file)), Hash: hashOf(file), Raw: hashOf(raw), Perceptual: look, Explicit: "mark", Label: json.RawMessage(label.Produced(ourCode, id).JSON())}, file
}

// TestLedger: what is inserted is found by id, hash, look and in lists, and a bad item takes its transaction along.
func TestLedger(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		one, file := made(t, "01A", 1)
		b.must(one, Item{ID: "01A-2", Exchange: "X01A", Service: "paint", Medium: "audio", MIME: "audio/wav", Explicit: "rhythm"})
		b.at = b.at.Add(time.Hour)
		two, _ := made(t, "01B", 2)
		two.Service, two.Model = "draw", "m2"
		b.must(two)
		got, err := b.ByID(ctx, "01A")
		if err != nil || got.Hash != hashOf(file) || got.Perceptual != one.Perceptual || string(got.Label) != string(one.Label) || got.At != b.at.Add(-time.Hour) || !got.Expires.IsZero() {
			t.Errorf("%+v %v", got, err)
		}
		if got, err := b.ByID(ctx, "01A-2"); err != nil || string(got.Label) != "null" {
			t.Errorf("%+v %v", got, err)
		}
		if _, err := b.ByID(ctx, "nothing"); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		for _, hash := range []string{one.Hash, strings.ToUpper(one.Raw)} {
			if list, err := b.ByHash(ctx, hash); err != nil || len(list) != 1 || list[0].ID != "01A" {
				t.Errorf("%s: %+v %v", hash, list, err)
			}
		}
		if list, err := b.ByHash(ctx, "x' OR 1=1"); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
		for want, f := range map[string]Filter{
			"01B 01A-2 01A": {}, "01B": {Service: "draw"}, "01A-2": {Medium: "audio"}, "01A": {Model: "m1"}, "01A-2 01A": {ID: "X01A"}, "01A-2 01A ": {Before: "01B"},
			"01B ": {From: b.at}, "01A-2 01A  ": {To: b.at}, "01B  ": {Limit: 1},
		} {
			list, err := b.List(ctx, f)
			ids := ""
			for _, m := range list {
				ids += " " + m.ID
			}
			if err != nil || strings.TrimSpace(ids) != strings.TrimSpace(want) {
				t.Errorf("%+v: %s %v", f, ids, err)
			}
			if n, err := b.Count(ctx, f); err != nil || f.Before == "" && f.Limit == 0 && n != int64(len(list)) {
				t.Errorf("%+v: %d %v", f, n, err)
			}
		}
		bad := new(InvalidError)
		for _, m := range []Item{{}, {ID: "1"}, {ID: "1", Exchange: "1", Medium: "smell"}, {ID: "1", Exchange: "1", Medium: "text", Hash: "?"}, {ID: "1", Exchange: "1", Medium: "text", Label: json.RawMessage("{")}} {
			if err := b.insert(Item{ID: "fresh", Exchange: "1", Medium: "text"}, m); !errors.As(err, &bad) {
				t.Errorf("%+v: %v", m, err)
			}
		}
		if err := b.insert(Item{ID: "fresh", Exchange: "1", Medium: "text"}, Item{ID: "01A", Exchange: "2", Medium: "text"}); !store.IsUnique(err) {
			t.Error(err)
		}
		if _, err := b.ByID(ctx, "fresh"); !errors.Is(err, ErrUnknown) {
			t.Errorf("half a transaction was written: %v", err)
		}
	})
}

// TestKept: bytes come back as they were until they expire, are sealed in the database, and go with Purge.
func TestKept(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		one, file := made(t, "01A", 1)
		if err := b.Keep(ctx, "01A", file, b.at.Add(time.Hour)); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		b.must(one)
		if err := b.Keep(ctx, "01A", append(file, 0), b.at.Add(time.Hour)); !errors.As(err, new(*InvalidError)) {
			t.Error(err)
		}
		for _, until := range []time.Duration{time.Minute, time.Hour} { // kept again
			if err := b.Keep(ctx, "01A", file, b.at.Add(until)); err != nil {
				t.Fatal(err)
			}
		}
		data, mime, err := b.Bytes(ctx, "01A")
		if err != nil || !bytes.Equal(data, file) || mime != "image/png" {
			t.Errorf("%d bytes of %s, %v", len(data), mime, err)
		}
		if m, err := b.ByID(ctx, "01A"); err != nil || m.Expires != b.at.Add(time.Hour) {
			t.Errorf("%+v %v", m, err)
		}
		sealed, err := store.Row[[]byte](ctx, b.db.R, `SELECT sealed FROM content_kept`)
		if err != nil || bytes.Contains(sealed, file[:64]) {
			t.Error("the bytes lie open in the database", err)
		}
		if n, err := b.Purge(ctx); n != 0 || err != nil {
			t.Error(n, err)
		}
		b.at = b.at.Add(time.Hour)
		if _, _, err := b.Bytes(ctx, "01A"); !errors.Is(err, ErrNotKept) {
			t.Error(err)
		}
		if m, err := b.ByID(ctx, "01A"); err != nil || !m.Expires.IsZero() {
			t.Errorf("%+v %v", m, err)
		}
		if n, err := b.Purge(ctx); n != 1 || err != nil {
			t.Error(n, err)
		}
		if n, err := b.j.Count(ctx, journal.Filter{Verbs: []journal.Verb{journal.ContentPurged}}); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
}

// TestDeliveries: each is on record, newest first.
func TestDeliveries(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		for i, how := range []string{"answer", "download"} {
			if err := b.Delivered(ctx, Delivery{Content: "01A", At: b.at.Add(time.Duration(i) * time.Minute), How: how, To: "app"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Delivered(ctx, Delivery{Content: "01A", How: "pigeon"}); !errors.As(err, new(*InvalidError)) {
			t.Error(err)
		}
		if list, err := b.Deliveries(ctx, "01A"); err != nil || len(list) != 2 || list[0].How != "download" || list[0].To != "app" || list[1].At != b.at {
			t.Errorf("%+v %v", list, err)
		}
	})
}

const said = "春风又绿江南岸，明月何时照我还？这首诗的作者是王安石。"

// TestText: a text is found by itself with or without label, white space and width, and by nothing less; it stands nowhere in the database.
func TestText(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		b.must(Item{ID: "01T", Exchange: "01T", Service: "chat", Subject: "s", Medium: "text", Explicit: "text", Texts: []string{label.Words(label.Start, "zh").Prefix + said, said + " 二。", "short"}})
		for _, text := range []string{said, said + label.Words(label.End, "zh").Suffix, label.Words(label.Start, "en").Prefix + said, " " + strings.ReplaceAll(said, "，", ", \n") + "\u200b", said + "二。"} {
			if list, err := b.ByText(ctx, text); err != nil || len(list) != 1 || list[0].ID != "01T" {
				t.Errorf("%q: %+v %v", text, list, err)
			}
		}
		for _, text := range []string{"short", said[:30], said + "改", strings.Replace(said, "江南", "江北", 1), ""} {
			if list, err := b.ByText(ctx, text); err != nil || len(list) != 0 {
				t.Errorf("%q: %+v %v", text, list, err)
			}
		}
		if a := b.look(Question{Text: said}); a.Outcome != MadeHere || a.Traces[0].By != "text" || a.Traces[0].Sure != Certain {
			t.Errorf("%+v", a)
		}
		if a := b.look(Question{Text: "【本内容由人工智能生成】\n\n另一段没有人在这里说过的文字，长度足够被查找。"}); a.Outcome != Nothing || !a.Worded || a.Short {
			t.Errorf("%+v", a)
		}
		if a := b.look(Question{Text: "short"}); a.Outcome != Nothing || !a.Short {
			t.Errorf("%+v", a)
		}
		if a := b.look(Question{File: carrier.Bytes([]byte(said))}); a.Outcome != MadeHere || a.Traces[0].By != "text" {
			t.Errorf("%+v", a)
		}
		other, err := Open(ctx, b.db, b.j, []byte(strings.Repeat("other key", 4)))
		if err != nil {
			t.Fatal(err)
		}
		if list, err := other.ByText(ctx, said); err != nil || len(list) != 0 {
			t.Errorf("found without the key: %+v %v", list, err)
		}
		if _, err := b.Look(ctx, Question{Text: strings.Repeat("长", MaxText)}); !errors.As(err, new(*InvalidError)) {
			t.Error(err)
		}
	})
}

// TestForget: nothing of the user is left, by request or when the key was destroyed behind the ledger's back; the id still answers.
func TestForget(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		one, file := made(t, "01A", 1)
		one.Texts = []string{said}
		two, _ := made(t, "01B", 2)
		two.Subject, two.Texts = "subject2", []string{said}
		b.must(one, two)
		if err := b.Keep(ctx, "01A", file, b.at.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // again is no error and no second event
			if err := b.Forget(ctx, "subject1"); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := b.j.Count(ctx, journal.Filter{Verbs: []journal.Verb{journal.ContentErased}}); n != 1 || err != nil {
			t.Error(n, err)
		}
		if m, err := b.ByID(ctx, "01A"); err != nil || m.Subject != "" || !m.Expires.IsZero() {
			t.Errorf("%+v %v", m, err)
		}
		if _, _, err := b.Bytes(ctx, "01A"); !errors.Is(err, ErrNotKept) {
			t.Error(err)
		}
		if list, err := b.ByText(ctx, said); err != nil || len(list) != 1 || list[0].ID != "01B" {
			t.Errorf("%+v %v", list, err)
		}
		if a := b.look(Question{File: carrier.Bytes(file)}); a.Outcome != MadeHere || a.Traces[0].By != "hash" {
			t.Errorf("%+v", a)
		}
		if err := b.db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO subject_key (subject, wrapped, created_at, destroyed_at) VALUES ('subject2', $1, 1, 1)`, []byte{})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if list, err := b.ByText(ctx, said); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
	})
}

// TestNear: everything within NearMax is found, whatever bits differ; nothing farther, and nothing under 0.
func TestNear(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		const hash = 0xfedc_ba98_7654_3210
		var items []Item
		for d := range 12 { // the differing bits spread over the bands as evenly as can be: the worst case
			look := uint64(hash)
			for i := range d {
				look ^= 1 << (i%4*16 + i/4*5)
			}
			items = append(items, Item{ID: fmt.Sprintf("01%02d", d), Exchange: "x", Medium: "image", Perceptual: look})
		}
		b.must(items...)
		for most, want := range map[int]int{0: 1, 3: 4, 7: 8, 20: 8} {
			list, err := b.Near(context.Background(), hash, most)
			if err != nil || len(list) != want {
				t.Fatalf("within %d: %d, %v", most, len(list), err)
			}
			for d, m := range list {
				if m.Distance != d || m.ID != items[d].ID {
					t.Errorf("within %d: %d is %s at %d", most, d, m.ID, m.Distance)
				}
			}
		}
		if list, err := b.Near(context.Background(), 0, 7); err != nil || len(list) != 0 {
			t.Error(list, err)
		}
	})
}

// TestLook: each answer that people can get about a file or an id.
func TestLook(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		one, file := made(t, "01A", 1)
		b.must(one)
		var smaller bytes.Buffer
		if err := jpeg.Encode(&smaller, scaled(picture(1, 320, 240), 0.5), nil); err != nil {
			t.Fatal(err)
		}
		var twisted bytes.Buffer
		if err := jpeg.Encode(&twisted, turned{picture(1, 320, 240)}, nil); err != nil {
			t.Fatal(err)
		}
		reedited := labelled(t, pngOf(t, picture(3, 320, 240)), ourCode, "01A")
		for _, c := range []struct {
			name    string
			q       Question
			outcome Outcome
			by      string
			sure    Sure
		}{
			{"id", Question{ID: " 01a "}, MadeHere, "id", Certain},
			{"unknown id", Question{ID: "02"}, Nothing, "", ""},
			{"the file", Question{File: carrier.Bytes(file)}, MadeHere, "hash", Certain},
			{"before labels", Question{File: carrier.Bytes(pngOf(t, picture(1, 320, 240)))}, MadeHere, "hash", Certain},
			{"label kept, pixels changed", Question{File: carrier.Bytes(reedited)}, MadeHere, "label", Likely},
			{"label kept, our code another now", Question{File: carrier.Bytes(reedited), Provider: theirCode}, MadeHere, "label", Likely},
			{"saved smaller, label lost", Question{File: carrier.Bytes(smaller.Bytes())}, MadeHere, "look", Likely},
			{"turned by EXIF", Question{File: carrier.Bytes(withOrientation(twisted.Bytes(), 6))}, MadeHere, "look", Likely},
			{"our code, unknown number", Question{File: carrier.Bytes(labelled(t, pngOf(t, picture(4, 320, 240)), ourCode, "02"))}, Claims, "", ""},
			{"another's", Question{File: carrier.Bytes(labelled(t, pngOf(t, picture(4, 320, 240)), theirCode, "01A"))}, Foreign, "", ""},
			{"another's label on our picture", Question{File: carrier.Bytes(labelled(t, smaller.Bytes(), theirCode, "77"))}, Foreign, "look", Likely},
			{"a label that names nobody", Question{File: carrier.Bytes(nameless(t, pngOf(t, picture(4, 320, 240))))}, Malformed, "", ""},
			{"no label", Question{File: carrier.Bytes(pngOf(t, picture(5, 320, 240)))}, Nothing, "", ""},
			{"no known kind", Question{File: carrier.Bytes([]byte{0, 1, 2, 3})}, Unread, "", ""},
			{"cut short", Question{File: carrier.Bytes(pngOf(t, picture(5, 320, 240))[:2000])}, Unread, "", ""},
			{"plain text", Question{File: carrier.Bytes([]byte(said))}, Nothing, "", ""},
		} {
			a := b.look(c.q)
			by, sure := "", Sure("")
			if len(a.Traces) > 0 {
				by, sure = a.Traces[0].By, a.Traces[0].Sure
			}
			if a.Outcome != c.outcome || by != c.by || sure != c.sure {
				t.Errorf("%s: %s by %q, %q; label %+v; no look: %s", c.name, a.Outcome, by, sure, a.Label, a.NoLook)
			}
		}
		if _, err := b.Look(context.Background(), Question{ID: " "}); !errors.As(err, new(*InvalidError)) {
			t.Error(err)
		}
	})
}

// nameless writes a label that does not say who made the content.
func nameless(t testing.TB, file []byte) []byte {
	format, ok := label.FormatByName("png")
	if !ok {
		t.Fatal("no PNG")
	}
	edit, err := format.Put(carrier.Bytes(file), carrier.Label{Value: `{"Label":"AIGC","ProduceID":"0000"}`})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := edit.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// turned is a picture as a camera held upright stores it: a viewer that turns it by 90° to the right shows the picture.
type turned struct{ image.Image }

func (m turned) Bounds() image.Rectangle {
	b := m.Image.Bounds()
	return image.Rect(0, 0, b.Dy(), b.Dx())
}
func (m turned) At(x, y int) color.Color { return m.Image.At(m.Image.Bounds().Dx()-1-y, x) }

// withOrientation puts an EXIF segment with this orientation into a JPEG file.
func withOrientation(file []byte, orientation byte) []byte {
	exif := append([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), orientation, 0, 0, 0, 0, 0, 0)
	n := len(exif) + 2
	return bytes.Join([][]byte{file[:2], {0xff, 0xe1, byte(n >> 8), byte(n)}, exif, file[2:]}, nil)
}

// TestWaive: the register of unlabelled deliveries.
func TestWaive(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		one, _ := made(t, "01A", 1)
		b.must(one)
		good := Unlabelled{Content: "01A", Clause: "协议第 7 条", Recipient: "某公司 李某", Purpose: "影视后期"}
		bare, _ := made(t, "01C", 3)
		bare.Explicit = ""
		b.must(bare)
		if n, ids, err := b.Unexplained(ctx, b.at); err != nil || n != 1 || len(ids) != 1 || ids[0] != "01C" {
			t.Error(n, ids, err)
		}
		if n, _, err := b.Unexplained(ctx, b.at.Add(time.Second)); err != nil || n != 0 {
			t.Error(n, err)
		}
		u, err := b.Waive(ctx, ann, good)
		if err != nil || u.Exchange != "X01A" || u.At != b.at || u.Until != time.Date(2027, 5, 24, 8, 0, 0, 0, time.UTC) {
			t.Fatalf("%+v %v", u, err)
		}
		if n, _, err := b.Unexplained(ctx, b.at); err != nil || n != 1 { // 01A has a mark; 01C is still not explained
			t.Error(n, err)
		}
		if _, err := b.Waive(ctx, ann, Unlabelled{Content: "elsewhere", Exchange: "E", Clause: "c", Recipient: "r", Purpose: "p", At: b.at.Add(-time.Hour)}); err != nil {
			t.Error(err)
		}
		for field, change := range map[string]func(*Unlabelled){
			"content": func(u *Unlabelled) { u.Content = " " }, "clause": func(u *Unlabelled) { u.Clause = "" }, "recipient": func(u *Unlabelled) { u.Recipient = strings.Repeat("x", 501) },
			"purpose": func(u *Unlabelled) { u.Purpose = "\x00" }, "does not have it": func(u *Unlabelled) { u.Content = "none" }, "exchange": func(u *Unlabelled) { u.Exchange = "other" },
			"future": func(u *Unlabelled) { u.At = b.at.Add(time.Hour) },
		} {
			u := good
			change(&u)
			if _, err := b.Waive(ctx, ann, u); !errors.As(err, new(*InvalidError)) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s: %v", field, err)
			}
		}
		list, err := b.Waived(ctx, "", 1)
		if err != nil || len(list) != 1 || list[0] != u {
			t.Errorf("%+v %v", list, err)
		}
		if list, err := b.Waived(ctx, u.ID, 0); err != nil || len(list) != 1 || list[0].Content != "elsewhere" {
			t.Errorf("%+v %v", list, err)
		}
		if n, err := b.WaivedCount(ctx); n != 2 || err != nil {
			t.Error(n, err)
		}
		events, err := b.j.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.LabelWaived}})
		if err != nil || len(events) != 2 || !strings.Contains(string(events[1].Body), u.Digest) {
			t.Errorf("%+v %v", events, err)
		}
		for _, e := range events {
			if strings.Contains(string(e.Body), "李某") || strings.Contains(string(e.Body), "影视") {
				t.Errorf("recipient or purpose stands in the journal: %s", e.Body)
			}
		}
		if bad, err := b.Altered(ctx); err != nil || len(bad) != 0 {
			t.Error(bad, err)
		}
		// kept while it must be, though the user is erased; emptied afterwards
		if err := b.Forget(ctx, "subject1"); err != nil {
			t.Fatal(err)
		}
		for at, want := range map[time.Time]string{u.Until.Add(-time.Minute): good.Recipient} {
			b.at = at
			if _, err := b.Purge(ctx); err != nil {
				t.Fatal(err)
			}
			if list, err := b.Waived(ctx, "", 1); err != nil || list[0].Recipient != want {
				t.Errorf("at %s: %+v %v", at, list, err)
			}
		}
		b.at = u.Until
		if _, err := b.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if list, err := b.Waived(ctx, "", 0); err != nil || len(list) != 2 || list[0].Recipient != "" || list[1].Recipient != "r" {
			t.Errorf("%+v %v", list, err)
		}
		if bad, err := b.Altered(ctx); err != nil || len(bad) != 0 {
			t.Error(bad, err)
		}
		if err := b.db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE content_unlabelled SET recipient = 'somebody else' WHERE content = 'elsewhere'`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		changed := b.second().ID
		if bad, err := b.Altered(ctx); err != nil || len(bad) != 1 || bad[0] != changed {
			t.Error(bad, err)
		}
		if err := b.db.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `DELETE FROM content_unlabelled WHERE content = 'elsewhere'`); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `UPDATE content_unlabelled SET id = 'slipped in'`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if bad, err := b.Altered(ctx); err != nil || len(bad) != 3 || !slices.Contains(bad, "slipped in") || !slices.Contains(bad, changed) {
			t.Error(bad, err)
		}
	})
}

// second is the older of two unlabelled deliveries.
func (b *bench) second() Unlabelled {
	b.t.Helper()
	list, err := b.Waived(context.Background(), "", 0)
	if err != nil || len(list) != 2 {
		b.t.Fatal(list, err)
	}
	return list[1]
}
