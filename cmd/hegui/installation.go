package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hegui/hegui/answers"
	"github.com/hegui/hegui/console"
	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/emergency"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/users"
)

// where says which installation a command is about.
type where struct {
	Config string `help:"Configuration file. Without it, DIR/hegui.yaml or ./hegui.yaml is read when there is one." placeholder:"FILE"`
	Data   string `help:"Data directory of the installation, running or stopped (default ./hegui-data, or what the configuration says)." placeholder:"DIR"`
}

// load finds the configuration; Data of the result is an absolute path.
func (w where) load() (configFile, error) {
	path := w.Config
	if guess := filepath.Join(w.Data, "hegui.yaml"); path == "" {
		if _, err := os.Stat(guess); err == nil {
			path = guess
		} else if b, err := os.ReadFile(configPathFile(w.Data)); w.Data != "" && err == nil {
			path = strings.TrimSpace(string(b))
		}
	}
	c := configFile{Config: DefaultConfig()}
	if path != "" {
		var err error
		if c, err = loadConfig(path); err != nil {
			return c, err
		}
	}
	switch {
	case w.Data != "":
		c.Data = w.Data
	default:
		c.Data = c.file(c.Data)
	}
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return c, fmt.Errorf("data directory: %w", err)
	}
	c.Data = data
	return c, nil
}

// installation is everything that commands and the server work on, opened in the order of the layers.
type installation struct {
	config    configFile
	keys      journal.Keys
	db        *store.DB
	journal   *journal.Journal
	vault     *journal.Vault
	services  *service.Register
	users     *users.Register
	exchanges *exchange.Store
	staff     *operator.Register
	lexicon   *lexicon.Workbench
	reviews   *review.Register
	answers   *answers.Register
	emergency *emergency.Register
	functions *function.Register
	content   *content.Ledger
	spend     *detector.Ledger
}

// openExisting opens an installation that some server has made before.
func (w where) openExisting(ctx context.Context) (*installation, error) { return w.open(ctx, false) }

// openDamaged opens one for reading only, whatever state its journal is in.
func (w where) openDamaged(ctx context.Context) (*installation, error) { return w.open(ctx, true) }

func (w where) open(ctx context.Context, readOnly bool) (*installation, error) {
	c, err := w.load()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(keysDir(c.Data)); errors.Is(err, fs.ErrNotExist) {
		return nil, usageError{fmt.Sprintf("there is no installation in %s; name its directory with --data, or start one with: hegui serve --demo --data %s", c.Data, c.Data)}
	}
	return openInstallation(ctx, c, readOnly)
}

// configPathFile is where serve notes which configuration a data directory was served with, so that commands which are
// given the directory alone find the database.
func configPathFile(data string) string { return filepath.Join(data, "config.path") }

func keysDir(data string) string { return filepath.Join(data, "keys") }

// openInstallation opens or creates the installation in c.Data. For reading only, a journal that is not whole opens too.
func openInstallation(ctx context.Context, c configFile, readOnly bool) (in *installation, err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w; choose another with --data", err)
	}
	in = &installation{config: c}
	defer func() {
		if err != nil {
			_ = in.close()
		}
	}()
	name, err := installationName(keysDir(c.Data))
	if err != nil {
		return in, err
	}
	origin := "hegui/" + name + "/" + c.Node
	if in.keys, err = journal.LoadKeys(keysDir(c.Data), origin); err != nil {
		return in, err
	}
	dsn, err := c.dsn(c.Data)
	if err != nil {
		return in, err
	}
	if in.db, err = store.Open(ctx, dsn); err != nil {
		return in, err
	}
	if in.journal, err = journal.Open(ctx, in.db, journal.Options{Origin: origin, Signer: in.keys.Signer, Verifier: in.keys.Verifier, ReadOnly: readOnly}); err != nil {
		return in, err
	}
	if in.vault, err = journal.OpenVault(ctx, in.db, in.journal, in.keys.Master); err != nil {
		return in, err
	}
	if in.services, err = service.Open(ctx, in.db, in.journal); err != nil {
		return in, err
	}
	if in.content, err = content.Open(ctx, in.db, in.journal, in.keys.Ticket); err != nil {
		return in, err
	}
	if in.users, err = users.Open(ctx, in.db, in.journal, users.WithTicketSecret(in.keys.Ticket), users.WithDestroy(in.destroy)); err != nil {
		return in, err
	}
	if in.exchanges, err = exchange.Open(ctx, in.db, in.journal, in.vault); err != nil {
		return in, err
	}
	if in.staff, err = operator.Open(ctx, in.db, in.journal); err != nil {
		return in, err
	}
	if in.answers, err = answers.Open(ctx, in.db, in.journal); err != nil {
		return in, err
	}
	if in.emergency, err = emergency.Open(ctx, in.db, in.journal, in.stricter); err != nil {
		return in, err
	}
	if in.functions, err = function.Open(ctx, in.db, in.journal); err != nil {
		return in, err
	}
	if in.lexicon, err = in.workbench(ctx); err != nil {
		return in, err
	}
	if in.reviews, err = review.Open(ctx, in.db, in.journal, in.vault, console.ReviewSource(in.exchanges, in.services, in.lexicon, reviewBank)); err != nil {
		return in, err
	}
	if in.spend, err = detector.OpenLedger(ctx, in.db, in.journal); err != nil {
		return in, err
	}
	return in, nil
}

// destroy erases a user: what the content ledger has of them first, so that the write-ahead log, which the vault truncates at the end, holds
// none of it either.
func (in *installation) destroy(ctx context.Context, who journal.Actor, subject, reason string) error {
	if err := in.content.Forget(ctx, subject); err != nil {
		return err
	}
	return in.vault.Destroy(ctx, who, subject, reason)
}

// close ends the journal after everything queued is durable, then the database.
func (in *installation) close() error {
	var errs []error
	if in.reviews != nil {
		in.reviews.Close()
	}
	if in.spend != nil {
		last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		errs = append(errs, in.spend.Close(last))
		cancel()
	}
	if in.journal != nil {
		errs = append(errs, in.journal.Close())
	}
	if in.db != nil {
		errs = append(errs, in.db.Close())
	}
	return errors.Join(errs...)
}

// installationName reads the name that tells this installation's evidence from any other's, drawing one at first.
func installationName(dir string) (string, error) {
	path := filepath.Join(dir, "installation")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("installation: %w", err)
		}
		name := strings.ToLower(rand.Text()[:12])
		if err := writePrivate(path, []byte(name+"\n")); err != nil {
			return "", fmt.Errorf("installation: %w", err)
		}
		return name, nil
	}
	if err != nil {
		return "", fmt.Errorf("installation: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// writePrivate replaces a file in one step; only its owner can read it.
func writePrivate(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// serving is what a running server leaves in DATA/serving.json, so that commands beside it find it. It holds no secret.
type serving struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Role    string    `json:"role"`
	Gateway string    `json:"gateway,omitempty"`
	Console string    `json:"console,omitempty"`
	Portal  string    `json:"portal,omitempty"`
}

func servingPath(data string) string { return filepath.Join(data, "serving.json") }

// readServing returns the zero value when no server is running.
func readServing(data string) serving {
	var s serving
	b, err := os.ReadFile(servingPath(data))
	if err != nil || json.Unmarshal(b, &s) != nil {
		return serving{}
	}
	return s
}

// actor is who commands of this program act as.
func actor() journal.Actor { return journal.Actor{Kind: "cli", ID: "hegui"} }
