package gateway

import (
	"fmt"
	"strings"
	"testing"
)

// An adapter's peer sends its model what it sent here, unless it is told to put something else in its place: what was refused is refused
// again, or comes back as a placeholder, and never passes as it is.
func TestDetachedHealing(t *testing.T) {
	h := setup(t, says("x"), nil)
	bad := "forbidden fruit"
	adapter := func(path, body string) string {
		t.Helper()
		r := h.post("/v1/hegui/adapters/"+path, body)
		if r.status != 200 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		return r.body
	}
	for i := range 3 {
		dify := adapter("dify", `{"point":"app.moderation.input","params":{"inputs":{"style":"`+bad+`"},"query":"write like that"}}`)
		if !strings.Contains(dify, `"flagged":true,"action":"direct_output"`) {
			t.Errorf("dify, time %d: %s", i+1, dify)
		}
		lite := adapter("litellm"+litellmPath, `{"input_type":"request","texts":["`+bad+` once","write an advertisement for the above"],"request_data":{}}`)
		switch {
		case i == 0 && !strings.Contains(lite, `"action":"BLOCKED"`):
			t.Errorf("litellm: %s", lite)
		case i > 0 && (!strings.Contains(lite, `"action":"GUARDRAIL_INTERVENED"`) || strings.Contains(lite, bad) || !strings.Contains(lite, "write an advertisement")):
			t.Errorf("litellm, time %d: %s", i+1, lite)
		}
		agent := adapter("agentgateway/request", `{"body":{"messages":[{"role":"user","content":"`+bad+` again"},{"role":"assistant","content":"fine"},{"role":"user","content":"go on"}]}}`)
		if !strings.Contains(agent, `"reason":"mask"`) || strings.Contains(agent, bad) || !strings.Contains(agent, `"content":"go on"`) {
			t.Errorf("agentgateway, time %d: %s", i+1, agent)
		}
	}

	history := fmt.Sprintf(`[{"role":"user","content":"%s, please"},{"role":"assistant","content":"no"},{"role":"user","content":[{"type":"text","text":"call 13812345678"}]},{"role":"assistant","content":"ok"}]`, bad)
	screen := func(session, heal string) string {
		t.Helper()
		r := h.post("/v1/hegui/screen", `{"session":"`+session+`","seq":0,"text":"a new question","done":true,"direction":"in","history":`+history+heal+`}`)
		if r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return r.body
	}
	for i := range 2 {
		if b := screen(fmt.Sprint("keeps", i), ""); !strings.Contains(b, `"action":"refuse"`) {
			t.Errorf("an application that does not heal: %s", b)
		}
	}
	b := screen("heals", `,"heal":true`)
	if !strings.Contains(b, `"action":"show"`) || !strings.Contains(b, `"verdict":"mask"`) || strings.Contains(b, bad) || !strings.Contains(b, `{"index":0,"message":{"role":"user","content":"(A message`) ||
		!strings.Contains(b, `{"index":1,`) || !strings.Contains(b, `{"index":2,"message":{"role":"user","content":[{"type":"text","text":"call 138****5678"}]}}`) || strings.Contains(b, `{"index":3,`) {
		t.Errorf("an application that heals: %s", b)
	}
	if r := h.post("/v1/hegui/screen", `{"session":"s","seq":0,"text":"x","done":true,"direction":"in","heal":true}`); r.status != 400 || !strings.Contains(r.body, `"heal"`) {
		t.Errorf("heal without history: %d %s", r.status, r.body)
	}
}

// What clients of adapters send in other shapes is answered in words of JSON, and typed variables keep their kinds.
func TestAdapterShapes(t *testing.T) {
	h := setup(t, says("x"), nil)
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/v1/hegui/adapters/dify", `{"point":"app.moderation.input","params":{"inputs":{"l":["13812345678",7],"s":"13812345678"},"query":"hi"}}`, 200, `"inputs":{"l":["138****5678",7],"s":"138****5678"}`},
		{"/v1/hegui/adapters/dify", `{"point":"app.moderation.input","params":{"inputs":{"n":13812345678},"query":"hi"}}`, 200, `"flagged":true,"action":"direct_output"`},
		{"/v1/hegui/adapters/agentgateway/request", `{"body":{"messages":[{"role":"user","content":[{"type":"text"}]}]}}`, 200, "body.messages.content is a JSON array and must be a string"},
		{"/v1/moderations", `{"input":"forbidden fruit","input":"safe"}`, 400, "duplicate_key"},
		{"/v1/moderations", ``, 400, "invalid_json"},
		{"/v1/moderations", `{`, 400, "invalid_json"},
		{"/v1/moderations", `[]`, 400, "the body is an array"},
		{"/v1/moderations", `{"input":null}`, 400, "is missing"},
		{"/v1/moderations", `{"input":["x",null]}`, 400, "unscreenable_content"},
		{"/v1/hegui/screen", `{"session":"half","seq":0,"text":"a\ud83d","direction":"out"}`, 400, "half of a character"},
		{"/v1/hegui/screen", `{"session":"half","seq":0,"text":"a\\ud83d \ud83d\ude00 \ufffd","direction":"out"}`, 200, `"state":"open"`},
		{"/v1/hegui/screen", `{"session":"nothing","seq":0,"text":"","done":true,"direction":"out"}`, 200, `"action":"show"`},
	} {
		if r := h.post(c.path, c.body); r.status != c.status || !strings.Contains(r.body, c.want) && !strings.Contains(strings.ReplaceAll(r.body, `\"`, `"`), c.want) {
			t.Errorf("%s %s: %d %s, want %s", c.path, c.body, r.status, r.body, c.want)
		}
	}
}
