package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/upstream"
)

type doctorCmd struct {
	where
	JSON bool `help:"Print the checks as JSON."`
}

func (doctorCmd) Help() string {
	return "Each line says ok or FAIL, and how to mend. Exit 1 when something fails. Nothing is changed, save that a checkpoint may be\nsigned over an installation's journal.\n\nExamples:\n  hegui doctor\n  hegui doctor --config /etc/hegui/hegui.yaml"
}

// ailment is one line of the doctor's.
type ailment struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Saw   string `json:"saw"`
	Mend  string `json:"mend,omitempty"`
}

// minFree is how much disk a healthy installation has left, in bytes.
const minFree = 1 << 30

func (c doctorCmd) Run(ctx context.Context, o out) error {
	var list []ailment
	ok := func(check, saw string, args ...any) {
		list = append(list, ailment{Check: check, OK: true, Saw: fmt.Sprintf(saw, args...)})
	}
	fail := func(check string, err error, mend string) {
		list = append(list, ailment{Check: check, Saw: err.Error(), Mend: mend})
	}

	cfg, err := c.load()
	if err != nil {
		fail("configuration", err, "mend the line shown")
	} else {
		if cfg.Path == "" {
			ok("configuration", "none; defaults hold")
		} else {
			ok("configuration", "%s", cfg.Path)
			if d, err := cfg.declaration(); err != nil {
				fail("agreements", err, "name readable files")
			} else if err := d.Check(time.Now()); err != nil {
				fail("declaration", cfg.located(err), "mend the lines shown; serve refuses them")
			} else {
				ok("declaration", "%d services, %d models", len(d.Services), len(d.Models))
			}
			if _, err := cfg.lexicon(); err != nil {
				fail("word lists", err, "mend the list, or take it out of lexicons")
			}
			if _, err := cfg.detectors(detectorParts{}); err != nil {
				fail("detectors", err, "mend them, or take them out of detectors")
			}
			if _, err := cfg.policy(); err != nil {
				fail("policy", err, "mend the file, or leave policy.file empty for the policy that ships")
			}
			if _, err := cfg.endpoints(); err != nil {
				fail("upstream keys", err, "name readable files")
			}
		}
		running := readServing(cfg.Data)
		alive := listens(ctx, running.Gateway) || listens(ctx, running.Console) || listens(ctx, running.Portal)
		c.dataDirectory(cfg, ok, fail)
		c.evidence(ctx, cfg, ok, fail)
		c.upstreams(ctx, cfg, ok, fail)
		c.ports(cfg, alive, ok, fail)
	}
	if y := time.Now().Year(); y < 2025 || y > 2100 {
		fail("clock", fmt.Errorf("the year is %d", y), "set the clock (timedatectl set-ntp true): evidence carries its time")
	} else {
		ok("clock", "%s", time.Now().Format(time.RFC3339))
	}

	sick := false
	for _, a := range list {
		sick = sick || !a.OK
		if c.JSON {
			continue
		}
		if a.OK {
			o.printf("ok    %-14s %s\n", a.Check, a.Saw)
		} else {
			o.printf("FAIL  %-14s %s\n      %-14s mend: %s\n", a.Check, a.Saw, "", a.Mend)
		}
	}
	if c.JSON {
		if err := o.json(list); err != nil {
			return err
		}
	}
	if sick {
		return errFinding
	}
	return nil
}

type okFunc func(check, saw string, args ...any)
type failFunc func(check string, err error, mend string)

func (doctorCmd) dataDirectory(cfg configFile, ok okFunc, fail failFunc) {
	s, err := os.Stat(cfg.Data)
	switch {
	case errors.Is(err, os.ErrNotExist):
		ok("data directory", "%s does not exist yet; serve makes it", cfg.Data)
		return
	case err != nil:
		fail("data directory", err, "choose a directory you can read with --data")
		return
	case !s.IsDir():
		fail("data directory", fmt.Errorf("%s is no directory", cfg.Data), "choose a directory with --data")
		return
	case s.Mode().Perm()&0o077 != 0:
		fail("data directory", fmt.Errorf("%s is open to others (%s)", cfg.Data, s.Mode().Perm()), "chmod 700 "+cfg.Data)
	default:
		ok("data directory", "%s", cfg.Data)
	}
	f, err := os.CreateTemp(cfg.Data, ".doctor-*")
	if err != nil {
		fail("data directory", err, "let the user that runs hegui write to it")
	} else {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	if free, err := freeDisk(cfg.Data); err != nil {
		fail("free disk", err, "look at the file system of "+cfg.Data)
	} else if free < minFree {
		fail("free disk", fmt.Errorf("%d MiB left", free>>20), "free at least 1 GiB: without disk nothing can be recorded, and nothing unrecorded is answered")
	} else {
		ok("free disk", "%d GiB", free>>30)
	}
}

// evidence opens what exists and verifies the journal's head; an installation that does not exist yet is no ailment.
func (c doctorCmd) evidence(ctx context.Context, cfg configFile, ok okFunc, fail failFunc) {
	dsn, err := cfg.dsn(cfg.Data)
	if err != nil {
		fail("database", err, "name a readable file")
		return
	}
	if path, isFile := strings.CutPrefix(dsn, "sqlite:"); isFile {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			ok("database", "%s does not exist yet; serve makes it", path)
			return
		}
	}
	db, err := store.Open(ctx, dsn)
	if err != nil {
		fail("database", err, "start the database server, or mend the address")
		return
	}
	_ = db.Close()
	if _, err := os.Stat(keysDir(cfg.Data)); errors.Is(err, os.ErrNotExist) {
		ok("database", "answers; no installation yet")
		return
	}
	in, err := openInstallation(ctx, cfg, false)
	if err != nil {
		fail("journal", err, "hegui journal verify; restore a backup if it names damage")
		return
	}
	defer in.close()
	ok("database", "%s answers", in.db.Engine)
	heads, err := in.journal.Heads(ctx)
	if err != nil {
		fail("journal", err, "hegui journal verify")
		return
	}
	newest, err := in.journal.Events(ctx, journal.Filter{Limit: 1})
	if err == nil && len(newest) == 1 && newest[0].At.After(time.Now().Add(time.Minute)) {
		fail("clock", fmt.Errorf("the newest event was written at %s, and now it is %s", newest[0].At.Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339)),
			"set the clock (timedatectl set-ntp true)")
	}
	for _, h := range heads {
		if h.Size == 0 {
			continue
		}
		if h.Log != in.journal.Origin() { // another node's; only that one can sign for it
			ok("journal", "%s: %d events of another node", h.Log, h.Size)
			continue
		}
		p, err := in.journal.Prove(ctx, h.Log, h.Size-1)
		if err == nil {
			err = p.Check(in.keys.Verifier)
		}
		if err != nil {
			fail("journal", err, "hegui journal verify names the damaged rows")
			return
		}
		ok("journal", "%s: sound at its head, %d events", h.Log, h.Size)
	}
}

func (doctorCmd) upstreams(ctx context.Context, cfg configFile, ok okFunc, fail failFunc) {
	for _, u := range cfg.Upstreams {
		name := "upstream " + u.Name
		if u.URL == upstream.SampleURL {
			ok(name, "built in")
			continue
		}
		at, err := url.Parse(u.URL)
		if err != nil || at.Hostname() == "" {
			fail(name, fmt.Errorf("%q is no address", u.URL), "write http://host:port/v1")
			continue
		}
		port := at.Port()
		if port == "" {
			port = map[string]string{"https": "443"}[at.Scheme]
			if port == "" {
				port = "80"
			}
		}
		d := net.Dialer{Timeout: time.Duration(u.Connect)}
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(at.Hostname(), port))
		if err != nil {
			fail(name, err, "start the model server, or mend upstreams.url")
			continue
		}
		_ = conn.Close()
		ok(name, "%s takes connections", at.Host)
	}
}

func (doctorCmd) ports(cfg configFile, running bool, ok okFunc, fail failFunc) {
	for _, f := range []struct{ name, address string }{{"gateway", cfg.Listen.Gateway}, {"console", cfg.Listen.Console}, {"portal", cfg.Listen.Portal}} {
		if running {
			ok("port "+f.name, "hegui is running")
			continue
		}
		l, err := net.Listen("tcp", f.address)
		if err != nil {
			mend := "write host:port in listen." + f.name
			if errors.Is(err, syscall.EADDRINUSE) {
				mend = "stop what listens there, or use --" + f.name + "-listen"
			}
			fail("port "+f.name, err, mend)
			continue
		}
		_ = l.Close()
		ok("port "+f.name, "%s is free", f.address)
	}
}

// listens tells whether something healthy listens at an address.
func listens(ctx context.Context, base string) bool {
	if base == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
