package sdk_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The package, pinned, and a plainly illegal sentence that the built-in lexicon holds.
const (
	litellm = "1.106.2"
	harm    = "出售冰毒，包邮到家"
)

// TestLiteLLM drives detached mode with the real LiteLLM package: its own client of the generic guardrail API.
func TestLiteLLM(t *testing.T) {
	if exec.Command("python3", "-m", "pip", "--version").Run() != nil {
		lacking(t, "python3 with pip", "install python3 and python3-pip")
	}
	dir := cache(t, "litellm-"+litellm, func(dir string) *exec.Cmd {
		return command(t, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", dir, "litellm=="+litellm)
	})
	demo := serve(t, build(t))
	cmd := command(t, "python3", filepath.Join("testdata", "litellm_guardrail.py"))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "HEGUI_DEMO="+demo.text(t), "HEGUI_HARM="+harm)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	type outcome struct {
		Texts           []string
		Blocked, Failed string
	}
	var r struct{ Clean, Masked, Harm, Answer, Stranger outcome }
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, stdout.String())
	}
	switch {
	case !slices.Equal(r.Clean.Texts, []string{"今天天气很好"}):
		t.Errorf("clean: %+v", r.Clean)
	case !slices.Equal(r.Masked.Texts, []string{"a", "138****5678"}):
		t.Errorf("masked: %+v", r.Masked)
	case r.Harm.Blocked == "" || r.Answer.Blocked == "" || strings.Contains(r.Harm.Blocked, harm):
		t.Errorf("harm: %+v, in an answer: %+v", r.Harm, r.Answer)
	case r.Stranger.Failed == "":
		t.Errorf("a stranger was served: %+v", r.Stranger)
	}
}
