package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
)

type versionCmd struct {
	SBOM bool `name:"sbom" help:"Print the software bill of materials (CycloneDX 1.6 JSON) of this very binary."`
	JSON bool `help:"Print the version as JSON."`
}

func (versionCmd) Help() string { return "Example:\n  hegui version --sbom > hegui.cdx.json" }

func (c versionCmd) Run(o out) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("version: this binary was built without build information; build it with: go build ./cmd/hegui")
	}
	switch {
	case c.SBOM:
		return o.json(bill(info))
	case c.JSON:
		return o.json(map[string]any{"version": buildVersion(), "go": info.GoVersion, "revision": setting(info, "vcs.revision"),
			"time": setting(info, "vcs.time"), "modified": setting(info, "vcs.modified") == "true"})
	}
	o.printf("hegui %s %s %s\n", buildVersion(), info.GoVersion, setting(info, "vcs.revision"))
	return nil
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// component is one module of a CycloneDX bill of materials.
type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// bill lists what is linked into this binary. It is the same each time for the same binary: it carries no time, and its
// serial number is drawn from its modules.
func bill(info *debug.BuildInfo) map[string]any {
	module := func(kind string, m *debug.Module) component {
		purl := fmt.Sprintf("pkg:golang/%s@%s", m.Path, m.Version)
		c := component{Type: kind, Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
		if sum, ok := strings.CutPrefix(m.Sum, "h1:"); ok {
			if b, err := base64.StdEncoding.DecodeString(sum); err == nil {
				c.Hashes = []hash{{"SHA-256", hex.EncodeToString(b)}}
			}
		}
		return c
	}
	main := module("application", &info.Main)
	components := []component{{Type: "platform", Ref: "pkg:golang/std@" + info.GoVersion, Name: "std",
		Version: info.GoVersion, PURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}}
	needs := []string{components[0].Ref}
	sum := sha256.New()
	fmt.Fprintln(sum, info.GoVersion, info.Main)
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		c := module("library", d)
		components = append(components, c)
		needs = append(needs, c.Ref)
		fmt.Fprintln(sum, d.Path, d.Version, d.Sum)
	}
	id := sum.Sum(nil)[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8 (own hash)
	return map[string]any{
		"bomFormat":    "CycloneDX",
		"specVersion":  "1.6",
		"version":      1,
		"serialNumber": fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16]),
		"metadata":     map[string]any{"component": main},
		"components":   components,
		"dependencies": []map[string]any{{"ref": main.Ref, "dependsOn": needs}},
	}
}
