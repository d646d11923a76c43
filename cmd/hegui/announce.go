package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"time"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
)

// demoFile is DATA/demo.json: what a script needs to drive the demo. It holds a key and a log-in link; only its owner
// can read it. Gateway is without /v1, which SDKs want at the end of their base_url.
type demoFile struct {
	Gateway      string `json:"gateway"`
	Console      string `json:"console"`
	Portal       string `json:"portal"`
	ConsoleLogin string `json:"console_login"`
	SecondLogin  string `json:"second_login"` // of another person, where two must sign
	Service      string `json:"service"`
	Key          string `json:"key"`
	User         string `json:"user"`     // has accepted the agreement
	NewUser      string `json:"new_user"` // has not
	Model        string `json:"model"`
}

// announce records the start, leaves serving.json, and prints where everything is.
func (sv *server) announce(ctx context.Context, o out, d service.Declaration, begun time.Time) error {
	c := sv.in.config
	sv.event(ctx, journal.ServerStarted, journal.Ref{Kind: "node", ID: c.Node}, map[string]any{"version": buildVersion(), "role": sv.role,
		"lexicon": sv.lexicon.Load().Hash(), "policy": sv.policy.Load().Hash(), "demo": sv.demo})
	s := serving{PID: os.Getpid(), Started: begun.UTC(), Role: sv.role}
	s.Gateway, s.Console, s.Portal = sv.gatewayURL(), sv.consoleURL(), sv.portalURL()
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("serving.json: %w", err)
	}
	if err := writePrivate(servingPath(c.Data), append(b, '\n')); err != nil {
		return fmt.Errorf("serving.json: %w", err)
	}
	link, err := sv.consoleLink(ctx)
	if err != nil {
		return err
	}
	w := o.stdout
	fmt.Fprintf(w, "hegui 合规 %s · 启动用时 ready in %d ms\n\n", buildVersion(), time.Since(begun).Milliseconds())
	for _, l := range []struct{ face, zh, en string }{{"gateway", "网关", "gateway"}, {"console", "控制台", "console"}, {"portal", "公众门户", "portal"}} {
		if sv.faces[l.face].listener != nil {
			fmt.Fprintf(w, "  %-8s %s\n", l.en, sv.faces[l.face].url+"   "+l.zh)
		}
	}
	if link != "" && sv.faces["console"].listener != nil {
		fmt.Fprintf(w, "\n登录控制台（一次性链接，24 小时内有效）/ log in to the console (one-time link, 24 h):\n  %s\n", link)
	}
	if !sv.demo {
		return nil
	}
	file, err := sv.prepareDemo(ctx, d, link)
	if err != nil {
		return err
	}
	if sv.faces["console"].listener != nil {
		fmt.Fprintf(w, "\n须两人签署时，第二人由此登录（另开无痕窗口）/ where two must sign, the second person logs in here (in a private window):\n  %s\n", file.SecondLogin)
	}
	fmt.Fprintf(w, "\n试一试 / try it:\n  %s\n", file.curl())
	fmt.Fprintf(w, "\n这是示例安装，数据在 %s；其中的公司、服务和模型均为示例。\nThis is a sample installation in %s; its company, service and model are samples.\n", c.Data, c.Data)
	return nil
}

// curl is a line that works as printed.
func (f demoFile) curl() string {
	return fmt.Sprintf(`curl %s/v1/chat/completions -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -H 'X-Hegui-User: %s' -d '{"model":"%s","messages":[{"role":"user","content":"你好，请介绍一下你自己"}]}'`,
		f.Gateway, f.Key, f.User, f.Model)
}

// consoleLink makes a one-time log-in link: for the demo at each start, else only as long as nobody has a password.
func (sv *server) consoleLink(ctx context.Context) (string, error) {
	staff, err := sv.in.staff.List(ctx)
	if err != nil {
		return "", err
	}
	var owner operator.Staff
	for _, s := range staff {
		if s.HasPassword && !sv.demo {
			return "", nil
		}
		if owner.ID == "" && s.Role == "owner" && !s.Disabled {
			owner = s
		}
	}
	if owner.ID == "" {
		if len(staff) > 0 {
			return "", nil
		}
		if owner, err = sv.in.staff.Add(ctx, actor(), operator.Staff{Login: ownerLogin, Name: "负责人 Owner", Role: "owner"}); err != nil {
			return "", err
		}
	}
	token, err := sv.in.staff.Link(ctx, actor(), owner.ID)
	if err != nil {
		return "", err
	}
	return linkURL(sv.consoleURL(), token), nil
}

func linkURL(console, token string) string { return console + "/link?t=" + url.QueryEscape(token) }

func buildVersion() string {
	b, ok := debug.ReadBuildInfo()
	if !ok || b.Main.Version == "" {
		return "(devel)"
	}
	return b.Main.Version
}
