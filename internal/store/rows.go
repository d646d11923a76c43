package store

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"strings"
)

// Querier is what *sql.DB, *sql.Conn and *sql.Tx have in common.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Rows runs query and maps each row onto a T, by column name to the field tagged `db:"column"` (embedded structs are
// walked, fields tagged "-" left alone). A column without a field and a field without a column are both errors: a mapping
// is never silently partial. A T that is not a struct takes the single column of the query.
func Rows[T any](ctx context.Context, q Querier, query string, args ...any) (out []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	defer func() {
		if closeErr := rows.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("store: %w", closeErr)
		}
	}()
	columns, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	paths, err := plan(reflect.TypeFor[T](), columns)
	if err != nil {
		return nil, err
	}
	targets := make([]any, len(columns))
	for rows.Next() {
		var row T
		value := reflect.ValueOf(&row).Elem()
		if paths == nil {
			targets[0] = &row
		}
		for i, path := range paths {
			targets[i] = value.FieldByIndex(path).Addr().Interface()
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return out, nil
}

// Row is Rows for exactly one row; none is ErrNotFound, more than one an error.
func Row[T any](ctx context.Context, q Querier, query string, args ...any) (T, error) {
	var zero T
	all, err := Rows[T](ctx, q, query, args...)
	switch {
	case err != nil:
		return zero, err
	case len(all) == 0:
		return zero, ErrNotFound
	case len(all) > 1:
		return zero, fmt.Errorf("store: %d rows where one was expected", len(all))
	}
	return all[0], nil
}

// plan finds the field of each column; nil for a T that is scanned whole.
func plan(t reflect.Type, columns []string) ([][]int, error) {
	fields := map[string][]int{}
	if t.Kind() == reflect.Struct {
		collect(t, nil, fields)
	}
	if len(fields) == 0 {
		if len(columns) != 1 {
			return nil, fmt.Errorf("store: %d columns for one %s", len(columns), t)
		}
		return nil, nil
	}
	paths := make([][]int, len(columns))
	seen := map[string]bool{}
	for i, column := range columns {
		path, ok := fields[column]
		if !ok {
			return nil, fmt.Errorf("store: column %q has no field in %s", column, t)
		}
		if seen[column] {
			return nil, fmt.Errorf("store: column %q stands twice", column)
		}
		seen[column], paths[i] = true, path
	}
	for column := range fields {
		if !seen[column] {
			return nil, fmt.Errorf("store: field %q of %s has no column", column, t)
		}
	}
	return paths, nil
}

func collect(t reflect.Type, prefix []int, into map[string][]int) {
	for i := range t.NumField() {
		field := t.Field(i)
		path := append(append([]int(nil), prefix...), i)
		name, tagged := field.Tag.Lookup("db")
		switch {
		case name == "-":
		case tagged:
			into[strings.TrimSpace(name)] = path
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			collect(field.Type, path, into)
		}
	}
}
