package gateway

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/hegui/hegui/exchange"
)

// Interruption is a guard's no. As an error it keeps the OpenAI shape; as a refusal of content it is an assistant message.
type Interruption struct {
	Status  int              // HTTP status; 200 for a refusal given as a message
	Code    string           // ours, see docs: error codes
	Type    string           // OpenAI's error type
	Param   string           // field of the request, when one is to blame
	Message string           // what is wrong, and how to mend it; never the matched text
	Verdict exchange.Verdict // refuse for content, else empty
	Reason  string           // one sentence for the record, no content
	Public  string           // what the client is told instead of Reason; a refusal's reason code
	Link    string           // where to accept, appeal, read on
	Retry   time.Duration    // Retry-After
	More    map[string]any   // further fields of error.hegui (decision, until, …)
}

func (in *Interruption) Error() string { return in.Code + ": " + in.Message }

// problem makes an Interruption that is nobody's content.
func problem(status int, code, param, message string) *Interruption {
	kind := "invalid_request_error"
	switch {
	case status == http.StatusUnauthorized:
		kind = "authentication_error"
	case status == http.StatusForbidden:
		kind = "permission_error"
	case status == http.StatusTooManyRequests:
		kind = "rate_limit_error"
	case status >= 500:
		kind = "server_error"
	}
	return &Interruption{Status: status, Code: code, Type: kind, Param: param, Message: message, Reason: message}
}

// errorBody is the OpenAI error shape with our part under "hegui".
func (in *Interruption) errorBody(exchangeID string) []byte {
	ours := map[string]any{"reason": cmp.Or(in.Public, in.Reason)}
	if in.Verdict != "" {
		ours["verdict"] = in.Verdict
	}
	if exchangeID != "" {
		ours["exchange"] = exchangeID
	}
	if in.Link != "" {
		ours["link"] = in.Link
	}
	for k, v := range in.More {
		ours[k] = v
	}
	var param any
	if in.Param != "" {
		param = in.Param
	}
	body, err := json.Marshal(map[string]any{"error": map[string]any{
		"message": in.Message, "type": in.Type, "param": param, "code": in.Code, "hegui": ours}})
	if err != nil { // nothing in it can fail to marshal; an error must still never be an empty 200
		return []byte(`{"error":{"message":"internal error","type":"server_error","param":null,"code":"internal"}}`)
	}
	return body
}

// writeError answers with an error in the OpenAI shape.
func writeError(w http.ResponseWriter, in *Interruption, exchangeID string) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if exchangeID != "" {
		h.Set("X-Hegui-Exchange", exchangeID)
	}
	if in.Verdict != "" {
		h.Set("X-Should-Retry", "false") // the same words get the same answer; official SDKs heed it
	}
	if in.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int((in.Retry+time.Second-1)/time.Second)))
	}
	body := in.errorBody(exchangeID)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(in.Status)
	_, _ = w.Write(body) // the client may have gone; there is nobody left to tell
}

// shape says what is wrong with a body's shape in the words of JSON.
func shape(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		what := map[reflect.Kind]string{reflect.String: "a string", reflect.Slice: "a list", reflect.Map: "an object", reflect.Struct: "an object", reflect.Bool: "true or false", reflect.Pointer: "a string"}[kind.Type.Kind()]
		return fmt.Sprintf("%s is a JSON %s and must be %s", cmp.Or(kind.Field, "it"), kind.Value, cmp.Or(what, "a number"))
	}
	return err.Error()
}
