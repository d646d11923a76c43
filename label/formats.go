package label

import (
	"slices"
	"strings"

	"github.com/hegui/hegui/label/bmff"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/document"
	"github.com/hegui/hegui/label/image"
	"github.com/hegui/hegui/label/pdf"
	"github.com/hegui/hegui/label/riff"
	"github.com/hegui/hegui/label/stream"
)

// Formats are the kinds of files that can be labelled, in the order in which a file is tried.
func Formats() []carrier.Format {
	return slices.Concat(image.Formats(), bmff.Formats(), riff.Formats(), stream.Formats(), pdf.Formats(), document.Formats())
}

// FormatOf tells the kind of a file by its content. ok is false for kinds that are not known: whether such a file carries a label
// cannot be told.
func FormatOf(f *carrier.File) (format carrier.Format, ok bool) {
	for _, format := range Formats() {
		if format.Is(f) {
			return format, true
		}
	}
	return carrier.Format{}, false
}

// FormatByName finds a kind by its name, one of its extensions (with or without a dot) or its MIME types.
func FormatByName(name string) (format carrier.Format, ok bool) {
	name = strings.ToLower(strings.TrimPrefix(name, "."))
	for _, format := range Formats() {
		if format.Name == name || slices.Contains(format.Extensions, name) || slices.Contains(format.MIME, name) {
			return format, true
		}
	}
	return carrier.Format{}, false
}
