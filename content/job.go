package content

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
)

// Job is a film that is made while the client waits elsewhere.
type Job struct {
	Service     string    `db:"service"`
	Application string    `db:"application"`
	ID          string    `db:"id"` // as the model's endpoint names it
	Subject     string    `db:"subject"`
	Exchange    string    `db:"exchange"` // that asked for it
	Model       string    `db:"model"`
	Endpoint    string    `db:"endpoint"`
	Target      string    `db:"target"`
	Content     string    `db:"content"` // of the labelled film, once it was fetched
	AtMS        int64     `db:"at_ms"`
	At          time.Time `db:"-"`
}

// maxJobID is the longest name of a job that is taken.
const maxJobID = 200

// InsertJob returns what writes a job, to be run in the transaction that closes its exchange.
func (l *Ledger) InsertJob(j Job) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		if j.ID == "" || len(j.ID) > maxJobID || strings.ContainsAny(j.ID, "/?#% ") {
			return &InvalidError{"id", j.ID, "the endpoint's name of a job is up to 200 characters without / ? # % and spaces"}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO content_job (service, application, id, subject, exchange, model, endpoint, target, content, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9)`,
			j.Service, j.Application, j.ID, j.Subject, j.Exchange, j.Model, j.Endpoint, j.Target, j.At.UnixMilli()); err != nil {
			return fmt.Errorf("content: job %s: %w", j.ID, err)
		}
		return nil
	}
}

// Job finds a job of an application; ErrUnknown when it has none of this name.
func (l *Ledger) Job(ctx context.Context, service, application, id string) (Job, error) {
	j, err := store.Row[Job](ctx, l.db.R, `SELECT service, application, id, subject, exchange, model, endpoint, target, content, at_ms FROM content_job WHERE service = $1 AND application = $2 AND id = $3`, service, application, id)
	if errors.Is(err, store.ErrNotFound) {
		return j, fmt.Errorf("%w: job %q", ErrUnknown, id)
	}
	if err != nil {
		return j, fmt.Errorf("content: job: %w", err)
	}
	j.At = time.UnixMilli(j.AtMS).UTC()
	return j, nil
}

// FetchedJob returns what notes the labelled film of a job, to be run in the transaction that writes its row.
func (l *Ledger) FetchedJob(j Job, content string) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE content_job SET content = $1 WHERE service = $2 AND application = $3 AND id = $4`, content, j.Service, j.Application, j.ID); err != nil {
			return fmt.Errorf("content: job %s: %w", j.ID, err)
		}
		return nil
	}
}
