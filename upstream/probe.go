package upstream

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
)

// probe is the model behind ProbeURL: it says what metadata.hegui_probe tells it to, so that a self-test can let any text
// come out of a model. A stream comes in pieces of one to four characters, without pauses.
type probe struct{}

func (probe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct {
		sampleRequest
		Metadata struct {
			Text *string `json:"hegui_probe"`
		} `json:"metadata"`
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxSampleBody))
	if err == nil {
		err = json.Unmarshal(b, &q)
	}
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "body", "the body is not the JSON expected: "+err.Error())
		return
	case q.Metadata.Text == nil:
		refuse(w, http.StatusBadRequest, "metadata.hegui_probe", "the probe model needs the text to say in metadata.hegui_probe")
		return
	}
	kind := "text"
	if strings.HasSuffix(r.URL.Path, "/chat/completions") {
		kind = "chat"
	}
	q.seed = rand.Uint64()
	var cut []string
	for _, c := range *q.Metadata.Text {
		cut = append(cut, string(c))
	}
	Sample{Pace: -1}.send(w, r, &q.sampleRequest, kind, len(b)/4, []answer{{tokens: cut, finish: "stop"}})
}
