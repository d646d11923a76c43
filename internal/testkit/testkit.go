// Package testkit is for tests only: a private PostgreSQL server, a browser, recorded models.
package testkit
