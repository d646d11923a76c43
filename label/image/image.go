// Package image reads and writes the implicit label of still images: PNG, JPEG, GIF and TIFF (TC260-PG-20259A). Pixels are never
// decoded and stay bit for bit where they are.
package image

import (
	"bytes"
	"fmt"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

const guide = "TC260-PG-20259A"

// Formats are the kinds of images of this package.
func Formats() []carrier.Format {
	return []carrier.Format{
		{Name: "png", Title: "PNG image", MIME: []string{"image/png", "image/apng"}, Extensions: []string{"png", "apng"}, Medium: "image",
			Place: "iTXt chunk XML:com.adobe.xmp, property TC260:AIGC", Guide: guide, Is: begins(pngSignature), Sites: pngSites, Put: pngPut},
		{Name: "jpeg", Title: "JPEG image", MIME: []string{"image/jpeg", "image/jpg"}, Extensions: []string{"jpg", "jpeg", "jpe", "jfif"}, Medium: "image",
			Place: "APP1 XMP, property TC260:AIGC", Guide: guide, Is: begins("\xFF\xD8\xFF"), Sites: jpegSites, Put: jpegPut},
		{Name: "gif", Title: "GIF image", MIME: []string{"image/gif"}, Extensions: []string{"gif"}, Medium: "image",
			Place: "Application Extension XMP Data, property TC260:AIGC", Guide: guide, Is: begins("GIF87a", "GIF89a"), Sites: gifSites, Put: gifPut},
		{Name: "tiff", Title: "TIFF image", MIME: []string{"image/tiff"}, Extensions: []string{"tif", "tiff"}, Medium: "image",
			Place: "IFD0 tag 0x2BC, property TC260:AIGC", Guide: guide, Is: begins("II*\x00", "MM\x00*", "II+\x00", "MM\x00+"), Sites: tiffSites, Put: tiffPut},
	}
}

func begins(signatures ...string) func(*carrier.File) bool {
	return func(f *carrier.File) bool {
		head := f.Head()
		for _, s := range signatures {
			if bytes.HasPrefix(head, []byte(s)) {
				return true
			}
		}
		return false
	}
}

func fault(format string, kind carrier.Kind, at int64, rule string, args ...any) error {
	return &carrier.Error{Format: format, Kind: kind, Offset: at, Rule: fmt.Sprintf(rule, args...)}
}

// maxPacket bounds an XMP packet that is read, and what a compressed one may grow to; ours.
const maxPacket = 8 << 20

// packetSites are the labels of an XMP packet that begins at a place of the file. remark says what is wrong with the place.
func packetSites(place string, packet []byte, at int64, remark string) ([]carrier.Site, error) {
	values, err := xmp.Values(packet)
	var out []carrier.Site
	for _, v := range values {
		s := carrier.Site{Place: place, Offset: at + int64(v.Offset), Value: v.Text, Standard: v.Standard && remark == "", Remark: remark}
		if s.Remark == "" {
			s.Remark = v.Remark
		}
		out = append(out, s)
	}
	return out, err
}
