package gateway

import (
	"net/http"

	"github.com/hegui/hegui/internal/web"
)

// ScreenSlice is the body of POST /v1/hegui/screen.
type ScreenSlice struct {
	Session   string          `json:"session"`
	Channel   string          `json:"channel,omitempty"` // content when empty
	Seq       int64           `json:"seq"`               // from 0
	Text      string          `json:"text"`
	Done      bool            `json:"done,omitempty"` // it is the last
	Direction string          `json:"direction"`      // in, out
	User      string          `json:"user,omitempty"`
	History   []ScreenMessage `json:"history,omitempty"` // the messages before, with the last slice of an input
	Heal      bool            `json:"heal,omitempty"`    // the application sends what comes back in history in place of those messages
}

// ScreenMessage is one message of a history; content may be in parts, as in chat requests.
type ScreenMessage struct {
	Role    string `json:"role"`
	Content any    `json:"content"`
}

// ScreenAck is the body of POST /v1/hegui/screen/ack: what the application did with an answer.
type ScreenAck struct {
	Exchange string `json:"exchange"`
	Shown    int64  `json:"shown"` // characters of the text that were shown
	Label    bool   `json:"label"` // it put the label on
}

// ScreenAcknowledged is the answer to it.
type ScreenAcknowledged struct {
	Exchange string `json:"exchange"`
	Shown    int64  `json:"shown"`
	Label    bool   `json:"label"`
	Within   bool   `json:"within"` // no more was shown than was released
}

// ErrorJSON is what a failed call answers with: OpenAI's shape and our part of it.
type ErrorJSON struct {
	Error struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    string  `json:"code"`
		Hegui   struct {
			Reason   string `json:"reason"`
			Verdict  string `json:"verdict,omitempty"`
			Exchange string `json:"exchange,omitempty"`
			Link     string `json:"link,omitempty"`
		} `json:"hegui"`
	} `json:"error"`
}

// document describes the gateway's own calls; OpenAI's are described as taking and giving what OpenAI's document says.
func (g *Gateway) document() web.Document {
	type openAI = map[string]any
	d := web.Document{Title: "hegui gateway", Bearer: true, Problem: ErrorJSON{}}
	for _, op := range operations() {
		d.Operations = append(d.Operations, web.Operation{Method: "POST", Path: "/v1" + op.path, Summary: "OpenAI's " + op.path + ", through the guards; stream: true streams", Body: openAI{}, Answer: openAI{}, Status: http.StatusOK})
	}
	d.Operations = append(d.Operations,
		web.Operation{Method: "GET", Path: "/v1/models", Summary: "OpenAI's list of models: those in force for the key's service", Answer: openAI{}, Status: http.StatusOK},
		web.Operation{Method: "GET", Path: "/v1/models/{model}", Summary: "One of them", Answer: openAI{}, Status: http.StatusOK})
	if g.o.Screenings == nil {
		return d
	}
	d.Operations = append(d.Operations,
		web.Operation{Method: "POST", Path: "/v1/hegui/screen", Summary: "Judge a slice of a text: what of it may be shown", Body: ScreenSlice{}, Answer: ScreenAnswer{}, Status: http.StatusOK},
		web.Operation{Method: "POST", Path: "/v1/hegui/screen/ack", Summary: "Say what of an answer was shown, and whether its label", Body: ScreenAck{}, Answer: ScreenAcknowledged{}, Status: http.StatusOK},
		web.Operation{Method: "POST", Path: "/v1/moderations", Summary: "OpenAI's moderations, judged by the guards; X-Hegui-Direction: out for what a model said", Body: openAI{}, Answer: openAI{}, Status: http.StatusOK})
	return d
}

// openAPI serves GET /v1/hegui/openapi.json. It needs no key.
func (g *Gateway) openAPI(w http.ResponseWriter, r *http.Request) {
	doc, err := g.document().OpenAPI()
	if err != nil {
		g.o.Log.Error("the API's description could not be made", "error", err)
		writeError(w, unavailable("internal", "the description cannot be made"), "")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(doc) // the client may have gone; there is nobody to tell
}
