// Package web is what console and portal share: html/template rendering with zh/en catalogues, the language choice, strict
// CSP and other headers, cross-origin protection, static files under content-hashed paths, flash messages, own SVG charts.
package web
