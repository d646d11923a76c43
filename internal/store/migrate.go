package store

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the tables of one package up to date. Each package embeds its own numbered SQL files (NNN_name.sql) and
// keeps its own version table (goose_<pkg>), so packages never share a numbering. Safe to call from several processes at
// once: SQLite's single writer and a PostgreSQL advisory lock keep them apart.
func (db *DB) Migrate(ctx context.Context, pkg string, files fs.FS) error {
	newest, err := newestMigration(files)
	if err != nil {
		return fmt.Errorf("store: migrations of %s: %w", pkg, err)
	}
	table := "goose_" + pkg
	// The common case, nothing to do, costs one query instead of goose's dozen; cold start is a feature.
	if have, err := Row[int64](ctx, db.R, `SELECT COALESCE(MAX(version_id), 0) FROM `+table); err == nil && have >= newest {
		if have > newest {
			return fmt.Errorf("store: the tables of %s are of version %d, this hegui knows %d; run a newer hegui", pkg, have, newest)
		}
		return nil
	}
	dialect, options := database.DialectSQLite3, []goose.ProviderOption{goose.WithVerbose(false)}
	if db.Engine == Postgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asks every second, for 5 minutes
		if err != nil {
			return fmt.Errorf("store: migrations of %s: %w", pkg, err)
		}
		dialect, options = database.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	versions, err := database.NewStore(dialect, table)
	if err != nil {
		return fmt.Errorf("store: migrations of %s: %w", pkg, err)
	}
	provider, err := goose.NewProvider("", db.W, files, append(options, goose.WithStore(versions))...)
	if err != nil {
		return fmt.Errorf("store: migrations of %s: %w", pkg, err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("store: migrations of %s: %w", pkg, err)
	}
	return nil
}

func newestMigration(files fs.FS) (int64, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("file %q does not begin with its number (001_name.sql)", name)
		}
		newest = max(newest, n)
	}
	if newest == 0 {
		return 0, fmt.Errorf("no NNN_name.sql among the embedded files")
	}
	return newest, nil
}
