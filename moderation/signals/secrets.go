package signals

import (
	"bytes"
	"math"
	"regexp"
	"sync"
)

// Secrets finds keys and tokens by the formats their makers give them, and values behind names like password whose letters
// are as mixed as those of a key. The reason names the format, never the value.
func Secrets(text []byte) []Finding {
	var out []Finding
	for _, p := range secretPatterns() {
		if !p.may(text) {
			continue
		}
		for _, m := range p.re.FindAllSubmatchIndex(text, 64) {
			start, end := m[0], m[1]
			if len(m) > 3 && m[2] >= 0 {
				start, end = m[2], m[3]
			}
			if entropy(text[start:end]) < p.entropy || covered(out, start, end) {
				continue
			}
			out = append(out, Finding{Signal: Secret, Category: p.category, Start: start, End: end, Score: p.score, Reason: p.name})
		}
	}
	return out
}

func covered(fs []Finding, start, end int) bool {
	for _, f := range fs {
		if start < f.End && f.Start < end {
			return true
		}
	}
	return false
}

// entropy is the mean information of a byte, in bits.
func entropy(s []byte) float64 {
	var count [256]int
	for _, c := range s {
		count[c]++
	}
	h := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(s))
			h -= p * math.Log2(p)
		}
	}
	return h
}

// longToken is the shortest value that is held to be a secret for the name before it.
const longToken = 12

// may tells texts that a pattern can match from nearly all others.
func (p *secretPattern) may(text []byte) bool {
	if len(p.marks) == 0 {
		run := 0
		for _, c := range text {
			if c > ' ' && c < 0x7f && c != '"' && c != '\'' && c != ',' && c != '(' && c != ')' {
				if run++; run >= longToken {
					return true
				}
			} else {
				run = 0
			}
		}
		return false
	}
	for _, mark := range p.marks {
		if bytes.Contains(text, []byte(mark)) {
			return true
		}
	}
	return false
}

type secretPattern struct {
	marks    []string // one of them stands in every match; none: a long value does
	name     string
	category string // A3c: a secret of a business
	re       *regexp.Regexp
	entropy  float64
	score    float64
}

var secretPatterns = sync.OnceValue(func() []secretPattern {
	p := func(name, expr string, entropy, score float64, marks ...string) secretPattern {
		return secretPattern{marks, name, "A3c", regexp.MustCompile(expr), entropy, score}
	}
	return []secretPattern{
		p("private key", `-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[A-Za-z0-9+/=\s]{32,}`, 3, 1, "PRIVATE KEY"),
		p("key of a model provider", `\bsk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{20,}`, 3.3, 0.95, "sk-"),
		p("AWS access key", `\b(?:AKIA|ASIA)[A-Z2-7]{16}\b`, 3, 0.95, "AKIA", "ASIA"),
		p("Alibaba Cloud access key", `\bLTAI[A-Za-z0-9]{12,24}\b`, 3.3, 0.95, "LTAI"),
		p("Tencent Cloud secret id", `\bAKID[A-Za-z0-9]{32}\b`, 3.3, 0.95, "AKID"),
		p("GitHub token", `\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,})`, 3.3, 0.95, "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
		p("GitLab token", `\bglpat-[A-Za-z0-9_-]{20,}`, 3.3, 0.95, "glpat-"),
		p("Google API key", `\bAIza[A-Za-z0-9_-]{35}`, 3.3, 0.95, "AIza"),
		p("Slack token", `\bxox[abprs]-[A-Za-z0-9-]{20,}`, 3, 0.95, "xox"),
		p("signed token", `\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,}`, 3.5, 0.7, "eyJ"),
		p("value of a secret", `(?i)(?:password|passwd|secret|api[_-]?key|access[_-]?token|密码|口令|密钥)["']?\s*(?:[:=：]|是|为)\s*["']?([A-Za-z0-9+/=_!@#$%^&*.-]{12,})`, 3.2, 0.6),
	}
})
