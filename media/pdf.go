package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"slices"
	"strings"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Bounds of PDFium. Ours.
const (
	pdfMemory = 8192 // pages of 64 KB
	pdfAtOnce = 2
	pagePixel = 24 << 20 // of a drawn page
)

// engine starts PDFium. Nothing of this machine can be seen from inside: no file, no clock that matters, no network.
func (r *Reader) engine() (pdfium.Pool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("media: the reader is closed")
	}
	if r.pool != nil {
		return r.pool, nil
	}
	c := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(pdfMemory).WithCloseOnContextDone(true)
	if r.cache != "" {
		cache, err := wazero.NewCompilationCacheWithDir(r.cache)
		if err != nil {
			return nil, fmt.Errorf("media: the folder for PDFium: %w", err)
		}
		c = c.WithCompilationCache(cache)
		r.free = func() error { return cache.Close(context.Background()) }
	}
	pool, err := webassembly.Init(webassembly.Config{MaxIdle: 1, MaxTotal: pdfAtOnce, RuntimeConfig: c, FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		return nil, fmt.Errorf("media: PDFium: %w", err)
	}
	r.pool = pool
	return pool, nil
}

// Close stops PDFium.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var err error
	if r.pool != nil {
		err = r.pool.Close()
		r.pool = nil
	}
	if r.free != nil {
		err = errors.Join(err, r.free())
		r.free = nil
	}
	return err
}

// pdf reads a PDF within a time limit; one that takes longer is broken.
func (w *walk) pdf(ctx context.Context, b []byte) error {
	pool, err := w.r.engine()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, pdfTime)
	defer cancel()
	instance, err := pool.GetInstanceWithContext(limited)
	if err != nil {
		return fmt.Errorf("media: PDFium: %w", err)
	}
	stop := context.AfterFunc(limited, func() { _ = instance.Kill() })
	err = w.pages(instance, b)
	if stop() {
		err = errors.Join(err, closing(instance))
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return &BrokenError{fmt.Sprintf("reading it takes longer than %s", pdfTime)}
	}
	return err
}

// closing gives an instance back; what is stuck in it is not this file's fault.
func closing(i pdfium.Pdfium) error {
	if err := i.Close(); err != nil {
		return fmt.Errorf("media: PDFium: %w", err)
	}
	return nil
}

// pages reads every page: its text, what is written on it as annotations, and, where it has pictures or no text, the page as it looks.
func (w *walk) pages(p pdfium.Pdfium, b []byte) (err error) {
	defer func() {
		if v := recover(); v != nil { // the sandbox has run out of memory, or was stopped
			err = &BrokenError{fmt.Sprintf("PDFium gave up: %.120v", v)}
		}
	}()
	doc, err := p.OpenDocument(&requests.OpenDocument{File: &b})
	switch {
	case errors.Is(err, pdferrors.ErrPassword):
		return &BrokenError{"it is encrypted"}
	case err != nil:
		return &BrokenError{err.Error()}
	}
	count, err := p.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc.Document})
	if err != nil {
		return &BrokenError{err.Error()}
	}
	if count.PageCount > maxPages {
		w.unread("PDF", fmt.Sprintf("it has %d pages; %d are read", count.PageCount, maxPages))
	}
	for i := range min(count.PageCount, maxPages) {
		if err := w.page(p, doc.Document, i); err != nil {
			return &BrokenError{fmt.Sprintf("page %d: %v", i+1, err)}
		}
	}
	if meta, err := p.GetMetaData(&requests.GetMetaData{Document: doc.Document}); err == nil {
		for _, tag := range meta.Tags {
			if slices.Contains([]string{"Title", "Subject", "Keywords", "Author"}, tag.Tag) {
				w.words("document information", tag.Value)
			}
		}
	}
	files, err := p.FPDFDoc_GetAttachmentCount(&requests.FPDFDoc_GetAttachmentCount{Document: doc.Document})
	if err != nil {
		return &BrokenError{err.Error()}
	}
	if files.AttachmentCount > 0 {
		w.unread("PDF", fmt.Sprintf("it has %d attached files, which are not read", files.AttachmentCount))
	}
	return nil
}

func (w *walk) page(p pdfium.Pdfium, doc references.FPDF_DOCUMENT, i int) error {
	where := fmt.Sprintf("page %d", i+1)
	at := requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: i}}
	text, err := p.GetPageText(&requests.GetPageText{Page: at})
	if err != nil {
		return err
	}
	w.words(where, text.Text)
	notes, err := w.notes(p, at, where)
	if err != nil {
		return err
	}
	pictures, err := hasPictures(p, at)
	if err != nil {
		return err
	}
	if !pictures && !notes && strings.TrimSpace(text.Text) != "" {
		return nil
	}
	return w.drawn(p, at, where)
}

// notes reads annotations, and tells whether there are any, which may show anything.
func (w *walk) notes(p pdfium.Pdfium, at requests.Page, where string) (bool, error) {
	count, err := p.FPDFPage_GetAnnotCount(&requests.FPDFPage_GetAnnotCount{Page: at})
	if err != nil {
		return false, err
	}
	seen := false
	for i := range min(count.Count, 1000) {
		annot, err := p.FPDFPage_GetAnnot(&requests.FPDFPage_GetAnnot{Page: at, Index: i})
		if err != nil {
			continue
		}
		kind, err := p.FPDFAnnot_GetSubtype(&requests.FPDFAnnot_GetSubtype{Annotation: annot.Annotation})
		if err == nil && kind.Subtype != enums.FPDF_ANNOT_SUBTYPE_LINK && kind.Subtype != enums.FPDF_ANNOT_SUBTYPE_POPUP {
			seen = true
		}
		for _, key := range []string{"Contents", "V", "TU"} {
			if v, err := p.FPDFAnnot_GetStringValue(&requests.FPDFAnnot_GetStringValue{Annotation: annot.Annotation, Key: key}); err == nil {
				w.words(where+", annotation", v.Value)
			}
		}
		_, _ = p.FPDFPage_CloseAnnot(&requests.FPDFPage_CloseAnnot{Annotation: annot.Annotation})
	}
	if count.Count > 1000 {
		w.unread(where, "it has more than 1000 annotations")
	}
	return seen, nil
}

// hasPictures tells whether a page shows what is no text: pictures, or forms and shadings that may hold some.
func hasPictures(p pdfium.Pdfium, at requests.Page) (bool, error) {
	count, err := p.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: at})
	if err != nil {
		return false, err
	}
	for i := range count.Count {
		o, err := p.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: at, Index: i})
		if err != nil {
			return false, err
		}
		kind, err := p.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: o.PageObject})
		if err != nil {
			return false, err
		}
		if kind.Type != enums.FPDF_PAGEOBJ_TEXT && kind.Type != enums.FPDF_PAGEOBJ_PATH {
			return true, nil
		}
	}
	return false, nil
}

// drawn takes a page as it looks, and reads the QR codes on it.
func (w *walk) drawn(p pdfium.Pdfium, at requests.Page, where string) error {
	size, err := p.GetPageSizeInPixels(&requests.GetPageSizeInPixels{Page: at, DPI: pageDPI})
	if err != nil {
		return err
	}
	dpi := pageDPI
	if size.Width <= 0 || size.Height <= 0 {
		return nil // an empty page shows nothing
	}
	for dpi > 8 && (size.Width*dpi/pageDPI)*(size.Height*dpi/pageDPI) > pagePixel {
		dpi /= 2
	}
	if (size.Width*dpi/pageDPI)*(size.Height*dpi/pageDPI) > pagePixel {
		w.unread(where, "it is too large to be drawn")
		return nil
	}
	page, err := p.RenderPageInDPI(&requests.RenderPageInDPI{Page: at, DPI: dpi})
	if err != nil {
		return err
	}
	defer page.Cleanup()
	for _, text := range qr(page.Result.RenderedImage) {
		w.words(where+", QR code", text)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, page.Result.RenderedImage, &jpeg.Options{Quality: 85}); err != nil {
		return err
	}
	w.picture(where, "image/jpeg", out.Bytes())
	return nil
}
