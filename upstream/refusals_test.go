package upstream

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// refused are answers in the shapes that providers and proxies give, each written after their documents or public reports.
var refused = []struct {
	name   string
	status int
	body   string
	row    string
	side   string
}{
	{"DeepSeek", 400, `{"error":{"message":"Content Exists Risk","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`, "deepseek", "input"},
	{"DashScope, compatible", 400, `{"error":{"code":"data_inspection_failed","param":null,"message":"Input data may contain inappropriate content.","type":"data_inspection_failed"},"id":"x"}`, "dashscope-input", "input"},
	{"DashScope, own protocol", 400, `{"code":"DataInspectionFailed","message":"Output data may contain inappropriate content.","request_id":"r"}`, "dashscope-output", "output"},
	{"DashScope behind a proxy", 500, `{"error":{"message":"Upstream request failed: [data_inspection_failed] <400> InternalError.Algo.DataInspectionFailed: Input text data may contain inappropriate content.","type":"upstream_error"}}`, "dashscope-input", "input"},
	{"Zhipu", 400, `{"contentFilter":[{"level":1,"role":"user"}],"error":{"code":"1301","message":"系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语，感谢您的配合。"}}`, "zhipu", "unknown"},
	{"Moonshot", 400, `{"error":{"message":"The request was rejected because it was considered high risk","type":"content_filter"}}`, "moonshot", "input"},
	{"MiniMax, HTTP 200", 200, `{"choices":null,"base_resp":{"status_code":1026,"status_msg":"input new_sensitive"}}`, "minimax-input", "input"},
	{"Volcengine", 400, `{"error":{"code":"InputTextSensitiveContentDetected","message":"The request failed because the input text may contain sensitive information.","type":"BadRequest"}}`, "volcengine-input", "input"},
	{"StepFun", 451, `{"error":{"message":"censorship blocked: the content you provided is not allowed","type":"censorship_blocked"}}`, "stepfun", "unknown"},
	{"ModelScope", 555, `{"errors":{"message":"..."}}`, "modelscope", "unknown"},
	{"Azure", 400, `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}`, "azure", "input"},
	{"OpenAI", 400, `{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy.","type":"invalid_request_error","param":null,"code":"invalid_prompt"}}`, "openai-prompt", "input"},
	{"wrapped as JSON in a 403", 403, `{"error":{"message":"provider said: {\"error\":{\"message\":\"Content Exists Risk\",\"code\":\"invalid_request_error\"}}","type":"forbidden"}}`, "deepseek", "input"},
	{"wrapped as a number in a string", 500, `{"error":{"message":"bad response: {\"error\":{\"code\":1301,\"message\":\"敏感内容\"}}"}}`, "zhipu", "unknown"},
	{"a Python repr", 400, `{"error":{"message":"Error code: 400 - {'error': {'message': 'no', 'code': 'content_filter'}}"}}`, "content_filter", "unknown"},
	{"new-api", 500, `{"error":{"message":"...","type":"new_api_error","code":"sensitive_words_detected"}}`, "new-api", "input"},
	{"no JSON", 502, `upstream: content exists risk`, "deepseek", "input"},
	{"OpenRouter", 403, `{"error":{"code":403,"message":"The model requires moderation and your input was flagged","metadata":{"reasons":["violence"]}}}`, "openrouter", "input"},
}

// failures are errors that have nothing to do with content.
var failures = []struct {
	status int
	body   string
}{
	{400, `{"error":{"message":"This model's maximum context length is 1301 tokens","type":"invalid_request_error","code":"context_length_exceeded"}}`},
	{400, `{"error":{"code":1301,"message":"parameter out of range"}}`},
	{401, `{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}`},
	{403, `{"error":{"message":"You do not have access to this model"}}`},
	{500, `{"error":{"message":"content_filter service unavailable, please try again"}}`},
	{429, `{"error":{"message":"Rate limit reached for content_filter requests","type":"rate_limit"}}`},
	{400, `{"error":{"message":"Unknown parameter: 'content_filter'","type":"invalid_request_error"}}`},
	{429, `{"error":{"message":"rate limited, 1026 requests","code":"rate_limit_exceeded"}}`},
	{500, `{"error":{"message":"sensitive configuration missing"}}`},
	{502, `<html>bad gateway</html>`},
	{503, ``},
	{500, `{"user":"Content Exists Risk"}`},
}

func table(t testing.TB) *refusals {
	t.Helper()
	known, err := KnownRefusals()
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRefusals(nil, known)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRefusalsAreTold(t *testing.T) {
	known := table(t)
	for _, x := range refused {
		got := known.answer(x.status, []byte(x.body))
		if got == nil || got.Row != x.row || got.Side != x.side {
			t.Errorf("%s: %+v, want %s %s", x.name, got, x.row, x.side)
		}
	}
	for _, x := range failures {
		if got := known.answer(x.status, []byte(x.body)); got != nil {
			t.Errorf("%d %s was taken for a refusal by row %s", x.status, x.body, got.Row)
		}
	}
	for finish, want := range map[string]string{"content_filter": "content_filter", "sensitive": "zhipu-finish", "SAFETY": "gemini", "refusal": "anthropic", "stop": "", "length": "", "": "", "tool_calls": "", "function_call": "", "eos": ""} {
		got := known.finish(finish)
		if (got == nil) != (want == "") || got != nil && got.Row != want {
			t.Errorf("finish %q: %+v, want %q", finish, got, want)
		}
	}
}

// TestRefusalsAreNoFailures: a hundred refusals cause a hundred calls to the first endpoint alone, and its breaker stays
// closed, whatever the status; as many failures open it at once, so the test can fail.
func TestRefusalsAreNoFailures(t *testing.T) {
	for _, x := range refused {
		if x.status < 400 {
			continue // told inside an answer, by whoever reads it
		}
		pool, first, second := pair(t, x.status, x.body)
		for range 100 {
			resp, err := pool.Do(context.Background(), []Target{{Endpoint: "a"}, {Endpoint: "b", Priority: 1}}, Request{Method: http.MethodPost, Path: "/x"})
			if err != nil || resp.Refusal == nil || resp.Refusal.Row != x.row || resp.Tries != 1 {
				t.Fatalf("%s: %+v, %v", x.name, resp, err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != x.body {
				t.Fatalf("%s: the answer was changed to %s, %v", x.name, body, err)
			}
			_ = resp.Body.Close()
		}
		if first.Load() != 100 || second.Load() != 0 {
			t.Errorf("%s: %d calls to the first, %d to the second endpoint", x.name, first.Load(), second.Load())
		}
		if h := pool.Health()[0]; h.Open || h.Failures != 0 {
			t.Errorf("%s: %+v", x.name, h)
		}
	}
	pool, first, second := pair(t, 500, `{"error":{"message":"out of order"}}`)
	for range 20 {
		resp, err := pool.Do(context.Background(), []Target{{Endpoint: "a"}, {Endpoint: "b", Priority: 1}}, Request{Method: http.MethodPost, Path: "/x"})
		if err != nil || resp.Refusal != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
	}
	if first.Load() != DefaultFailures || second.Load() != 20 || !pool.Health()[0].Open {
		t.Errorf("failures: %d and %d calls, %+v", first.Load(), second.Load(), pool.Health()[0])
	}
}

// TestPastRefusals: only who asks for it is taken to the next endpoint.
func TestPastRefusals(t *testing.T) {
	pool, first, second := pair(t, 400, refused[0].body)
	resp, err := pool.Do(context.Background(), []Target{{Endpoint: "a"}, {Endpoint: "b", Priority: 1}}, Request{Method: http.MethodPost, Path: "/x", PastRefusals: true})
	if err != nil || resp.StatusCode != 200 || resp.Refusal != nil || resp.Tries != 2 || first.Load() != 1 || second.Load() != 1 {
		t.Errorf("%+v, %v", resp, err)
	}
	resp, err = pool.Do(context.Background(), []Target{{Endpoint: "a"}}, Request{Method: http.MethodPost, Path: "/x", PastRefusals: true})
	if err != nil || resp.Refusal == nil {
		t.Errorf("the last one's refusal stands: %+v, %v", resp, err)
	}
	if h := pool.Health()[0]; h.Failures != 0 {
		t.Errorf("%+v", h)
	}
}

// TestOwnRows: an endpoint can say how it refuses; a row that says nothing is an error that names the endpoint.
func TestOwnRows(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(418)
		_, _ = io.WriteString(w, `{"code":"E-77","msg":"内容不合规"}`)
	}))
	t.Cleanup(server.Close)
	pool, err := New([]Endpoint{{Name: "a", BaseURL: server.URL, Refusals: []RefusalRow{{ID: "ours", Statuses: []int{418}, Codes: []string{"e-77"}}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := pool.Do(context.Background(), []Target{{Endpoint: "a"}}, Request{Method: http.MethodPost, Path: "/x"})
	if err != nil || resp.Refusal == nil || resp.Refusal.Row != "ours" || resp.Refusal.Side != "unknown" {
		t.Errorf("%+v %v", resp, err)
	}
	for _, bad := range []RefusalRow{{}, {ID: "x"}, {ID: "x", Codes: []string{" "}}, {ID: "x", Codes: []string{"a"}, Both: true}, {ID: "x", Statuses: []int{7}}, {ID: "x", Codes: []string{"a"}, Side: "left"}} {
		if _, err := New([]Endpoint{{Name: "a", BaseURL: server.URL, Refusals: []RefusalRow{bad}}}, nil); err == nil || !strings.Contains(err.Error(), `"a"`) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// pair is a pool of an endpoint that answers as told and one that is well, and their calls.
func pair(t *testing.T, status int, body string) (*Pool, *atomic.Int64, *atomic.Int64) {
	t.Helper()
	var first, second atomic.Int64
	serve := func(n *atomic.Int64, status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n.Add(1)
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	pool, err := New([]Endpoint{{Name: "a", BaseURL: serve(&first, status, body)}, {Name: "b", BaseURL: serve(&second, 200, `{}`)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, &first, &second
}

func FuzzRefusals(f *testing.F) {
	for _, x := range refused {
		f.Add(x.status, []byte(x.body))
	}
	f.Add(400, []byte(strings.Repeat(`{"error":`, 2000)))
	f.Add(400, []byte(`{"message":"{\"message\":\"{\\\"message\\\":\\\"{}\\\"}\"}"}`))
	known := table(f)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if r := known.answer(status, body); r != nil && r.Row == "" {
			t.Error("a refusal of no row")
		}
	})
}
