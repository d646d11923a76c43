package testkit

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Browser is a headless Chromium. Open one per test binary (in one test that runs its cases as subtests) and take a Tab
// for each case.
type Browser struct{ ctx context.Context }

// OpenBrowser starts Chromium and stops it when the test ends. Where there is none the test is skipped, unless CI=true,
// when it fails.
func OpenBrowser(t testing.TB) *Browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no Chromium; install it with: apt-get install -y --no-install-recommends chromium fonts-wqy-microhei")
		}
		t.Skip("there is no Chromium; install it with: apt-get install -y --no-install-recommends chromium fonts-wqy-microhei")
	}
	dir, err := os.MkdirTemp("", "hegui-browser-")
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(dir), chromedp.WindowSize(1280, 900), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		stop()
		stopAlloc()
		// Chromium's children may still be writing for a moment.
		for range 20 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx}
}

// Tab is one tab with cookies of its own. A script error or anything the browser writes into its log (a violated CSP, a
// file that is missing) fails the test when it ends, save for what Allow lets through.
type Tab struct {
	t       testing.TB
	ctx     context.Context
	mu      sync.Mutex
	noise   []string
	allowed []string
}

// tabTimeout bounds everything that one tab does.
const tabTimeout = 60 * time.Second

// Tab opens a tab for a test.
func (b *Browser) Tab(t testing.TB) *Tab {
	t.Helper()
	tab := &Tab{t: t}
	ctx, close := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.listen))
	if err := chromedp.Do(ctx); err != nil { // opens the tab with a context that has no time limit, which would end it
		t.Fatalf("open tab: %v", err)
	}
	if _, err := chromedp.Call(ctx, cdplog.Enable, cdp.Empty{}); err != nil {
		t.Fatalf("browser log: %v", err)
	}
	limited, cancel := context.WithTimeout(ctx, tabTimeout)
	tab.ctx = limited
	t.Cleanup(func() {
		cancel()
		close()
		tab.mu.Lock()
		defer tab.mu.Unlock()
		for _, n := range tab.noise {
			t.Errorf("browser: %s", n)
		}
	})
	return tab
}

func (tab *Tab) listen(ev any) {
	var text string
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Text
		if o := e.ExceptionDetails.Exception; o != nil {
			text += " " + o.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type != runtime.ConsoleAPICalledTypeError && e.Type != runtime.ConsoleAPICalledTypeWarning {
			return
		}
		text = fmt.Sprintf("console.%s", e.Type)
		for _, a := range e.Args {
			text += " " + string(a.Value) + a.Description
		}
	case *cdplog.EventEntryAdded:
		text = fmt.Sprintf("log %s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
	default:
		return
	}
	tab.mu.Lock()
	defer tab.mu.Unlock()
	for _, a := range tab.allowed {
		if strings.Contains(text, a) {
			return
		}
	}
	tab.noise = append(tab.noise, text)
}

// Allow lets log entries that contain text pass: the 401 of a log-in that is meant to fail, for example.
func (tab *Tab) Allow(text string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.allowed = append(tab.allowed, text)
}

// Do runs actions in order and fails the test at the first that does not work.
func (tab *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	if err := chromedp.Do(tab.ctx, actions...); err != nil {
		tab.t.Fatalf("browser: %v\npage: %.2000s", err, tab.tryText())
	}
}

// tryText is the page's text for a message, "" when it cannot be had.
func (tab *Tab) tryText() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tab.ctx), 2*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	if err != nil {
		return ""
	}
	return text
}

// Go opens an address.
func (tab *Tab) Go(url string) {
	tab.t.Helper()
	tab.Do(chromedp.Navigate(url))
}

// Text is what the page shows.
func (tab *Tab) Text() string {
	tab.t.Helper()
	text, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		tab.t.Fatalf("browser: text: %v", err)
	}
	return text
}

// Eval computes an expression in the page.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	v, err := chromedp.Run(tab.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		tab.t.Fatalf("browser: %s: %v", expression, err)
	}
	return v
}

// Wants fails the test unless the page shows every text.
func (tab *Tab) Wants(texts ...string) {
	tab.t.Helper()
	page := tab.Text()
	for _, want := range texts {
		if !strings.Contains(page, want) {
			tab.t.Errorf("the page does not show %q:\n%.3000s", want, page)
		}
	}
}

// Look is how a page is looked at.
type Look struct {
	Width, Height int64
	Dark          bool
	Print         bool
}

// Looks worth looking at: an office screen, the same at night, a phone, paper.
var (
	Desktop = Look{Width: 1280, Height: 860}
	Night   = Look{Width: 1280, Height: 860, Dark: true}
	Phone   = Look{Width: 390, Height: 844}
	Paper   = Look{Width: 794, Height: 1123, Print: true}
)

// As changes how pages are looked at.
func (tab *Tab) As(l Look) {
	tab.t.Helper()
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	media := ""
	if l.Print {
		media = "print"
	}
	tab.Do(chromedp.EmulateViewport(l.Width, l.Height))
	if _, err := chromedp.Call(tab.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media,
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
		tab.t.Fatalf("browser: %v", err)
	}
}

// Shot writes the whole page as NAME.png into the directory that HEGUI_SHOTS names, and nothing when it is not set.
func (tab *Tab) Shot(name string) {
	tab.t.Helper()
	dir := os.Getenv("HEGUI_SHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tab.t.Fatal(err)
	}
	png, err := chromedp.Run(tab.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		tab.t.Fatalf("browser: screenshot: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		tab.t.Fatal(err)
	}
}

// Fits fails the test when the page is wider than the screen: a phone would scroll sideways.
func (tab *Tab) Fits() {
	tab.t.Helper()
	if over := Eval[float64](tab, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		tab.t.Errorf("%s is %v px wider than the screen of %v px; the widest part: %s", Eval[string](tab, "location.pathname"), over,
			Eval[float64](tab, "innerWidth"), Eval[string](tab, `(() => {
				const edge = document.documentElement.clientWidth;
				const out = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > edge + 1 && !e.closest(".scroll, .side, .tabs, pre"));
				return out.slice(0, 3).map(e => e.tagName + "." + e.className).join(", ");
			})()`))
	}
}
