package label

import (
	"encoding/json"
	"strings"
	"testing"
)

// sample is a made-up code with a valid check character.
func sample(t testing.TB) string {
	for _, c := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
		if code := "91110000EXAMPLE00" + string(c); CheckUSCC(code) == nil {
			return code
		}
	}
	t.Fatal("no check character fits")
	return ""
}

func TestUSCC(t *testing.T) {
	good := sample(t)
	if err := CheckUSCC("91350100M000100Y43"); err != nil { // the example of GB 32100-2015
		t.Error(err)
	}
	for _, bad := range []string{"", good[:17], good + "1", "9" + good[:16] + "I", strings.ToLower(good), good[:17] + "?"} {
		if CheckUSCC(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
	wrong := 0
	for _, c := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
		if CheckUSCC(good[:17]+string(c)) != nil {
			wrong++
		}
	}
	if wrong != 30 {
		t.Errorf("%d of 31 check characters are refused, want 30", wrong)
	}
}

func TestProviderCode(t *testing.T) {
	code, err := ProviderCode(sample(t), "")
	if err != nil || len(code) != 27 || !strings.HasPrefix(code, "0011"+sample(t)) || !strings.HasSuffix(code, "00000") {
		t.Fatalf("%q %v", code, err)
	}
	code, err = ProviderCode(sample(t), "0001")
	if err != nil || !strings.HasSuffix(code, "10001") {
		t.Fatalf("%q %v", code, err)
	}
	for _, bad := range []string{"1", "00001", "00a1", "00 1"} {
		if _, err := ProviderCode(sample(t), bad); err == nil {
			t.Errorf("extension %q passes", bad)
		}
	}
}

func TestImplicit(t *testing.T) {
	code, err := ProviderCode(sample(t), "")
	if err != nil {
		t.Fatal(err)
	}
	l := Produced(code, "01ABC")
	if err := l.Validate(); err != nil {
		t.Fatal(err)
	}
	want := `{"Label":"1","ContentProducer":"` + code + `","ProduceID":"01ABC","ReservedCode1":"","ContentPropagator":"` + code + `","PropagateID":"01ABC","ReservedCode2":""}`
	if l.JSON() != want {
		t.Fatalf("\n got %s\nwant %s", l.JSON(), want)
	}
	var any map[string]string
	if err := json.Unmarshal([]byte(l.JSON()), &any); err != nil || len(any) != 7 {
		t.Fatal(err, any)
	}
	for name, change := range map[string]func(*Implicit){
		"space":         func(l *Implicit) { l.ProduceID = "a b" },
		"chinese":       func(l *Implicit) { l.ContentProducer = "示例公司" },
		"quote":         func(l *Implicit) { l.ProduceID = `a"b` },
		"backslash":     func(l *Implicit) { l.ReservedCode1 = `a\b` },
		"missing":       func(l *Implicit) { l.ProduceID = "" },
		"label":         func(l *Implicit) { l.Label = "AIGC" },
		"check digit":   func(l *Implicit) { l.ContentProducer = code[:20] + "1" + code[21:] },
		"no propagator": func(l *Implicit) { l.ContentPropagator = "" },
	} {
		bad := Produced(code, "01ABC")
		change(&bad)
		if bad.Validate() == nil {
			t.Errorf("%s passes: %s", name, bad.JSON())
		}
	}
}

func TestParseGrades(t *testing.T) {
	code, _ := ProviderCode(sample(t), "")
	good := Produced(code, "01ABC").JSON()
	for _, c := range []struct {
		value string
		fails bool
		grade Grade
	}{
		{good, false, Conforming},
		{`{"AIGC":` + good + `}`, false, Conforming},
		{strings.Replace(good, `"01ABC"`, `"编号 1"`, 1), false, Unusual},
		{`{"Label":"1"}`, false, Broken},
		{strings.Replace(good, `"Label":"1"`, `"Label":1`, 1), false, Broken},
		{`nothing`, true, 0},
		{``, true, 0},
	} {
		r, err := Parse(c.value)
		if (err != nil) != c.fails {
			t.Errorf("%s: %v", c.value, err)
			continue
		}
		if err == nil && r.Grade() != c.grade {
			t.Errorf("%s: %s, want %s: %+v", c.value, r.Grade(), c.grade, r)
		}
	}
}

func TestWordsCarryBothElements(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		for _, place := range []Place{Start, End} {
			w := Words(place, lang)
			if !HasExplicit(w.Prefix+"text"+w.Suffix) || (place == Start) == (w.Prefix == "") || (place == End) == (w.Suffix == "") {
				t.Errorf("%s %s: %+v", place, lang, w)
			}
		}
		if w := Words(UI, lang); w.Prefix+w.Suffix != "" {
			t.Errorf("UI writes %+v", w)
		}
	}
	for text, want := range map[string]bool{
		"【本内容由人工智能生成】你好": true, "AI-generated text": false, "AI 生成": true, "AI": false, "人工智能很有趣": false, "生成": false, "PAID generated": false,
		"said regenerated": false, strings.Repeat("字", 200) + "（人工智能生成）": true, strings.Repeat("字", 80) + "人工智能生成" + strings.Repeat("字", 80): false,
	} {
		if HasExplicit(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"AIGC":{"Label":"1","ContentProducer":"x"}}`)
	f.Add(`{"Label":"1","Label":"2"}`)
	f.Fuzz(func(t *testing.T, value string) {
		r, err := Parse(value)
		if err != nil {
			return
		}
		if r.Grade() == Conforming {
			if again, err := Parse(value); err != nil || again.Grade() != Conforming {
				t.Fatalf("%q reads differently twice", value)
			}
		}
	})
}
