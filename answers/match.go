package answers

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/hegui/hegui/moderation"
)

// Bands of likeness. Ours, chosen with one half of testdata/questions.txt and measured on the other (TestFigures).
const (
	// WorthLooking is the cosine from which a question is compared at all.
	WorthLooking = 0.45
	// NearFrom is the cosine from which a question is near.
	NearFrom = 0.62
)

// Band says how near a question is to one of an answer's.
type Band string

const (
	Far  Band = "far"
	Near Band = "near"
	Same Band = "same"
)

// Match is the answer that a question is nearest to.
type Match struct {
	Band     Band
	Version  Version
	Question string  // of the answer's that is nearest
	Score    float64 // 0 to 1
}

// Matcher finds the answer for a question. Immutable; safe for concurrent use.
//
// Questions are folded as the lexicon folds, white space and punctuation dropped. Two are the same when they say the same words in the same
// order, particles and politeness left out (sequence): another order may ask the opposite, as who may sue whom. Near is the cosine of their
// runs of one to three letters (words of alphabets count as one), weighed by how few questions have them; two questions with other
// numbers, with another count of negations, or on other sides of a pair such as buy and sell are never near.
type Matcher struct {
	versions []Version
	patterns []pattern
	exact    map[string][]int
	posts    map[string][]post // by run: the patterns that have it
	rarity   map[string]float64
}

type pattern struct {
	version  int
	question string
	letters  []token
	runs     map[string]float64 // of length 1 as a vector
	traits   traits
}

type post struct {
	pattern int
	weight  float64
}

// token is a letter of Chinese, or a word.
type token string

// traits are what makes two questions different however alike their letters are.
type traits struct {
	numbers   string
	negations int
	sides     string
}

// NewMatcher indexes approved versions.
func NewMatcher(versions []Version) *Matcher {
	m := &Matcher{versions: versions, exact: map[string][]int{}, posts: map[string][]post{}, rarity: map[string]float64{}}
	count := map[string]int{}
	var runs []map[string]float64
	for i, v := range versions {
		for _, q := range v.Questions {
			letters := tokens(q)
			if len(letters) == 0 {
				continue
			}
			k := sequence(letters)
			m.exact[k] = append(m.exact[k], len(m.patterns))
			m.patterns = append(m.patterns, pattern{i, q, letters, nil, traitsOf(letters)})
			r := runsOf(letters)
			for run := range r {
				count[run]++
			}
			runs = append(runs, r)
		}
	}
	for run, n := range count {
		m.rarity[run] = math.Log(1 + float64(len(m.patterns))/float64(n))
	}
	for i, r := range runs {
		norm := m.weigh(r)
		for run, w := range r {
			r[run] = w / norm
			m.posts[run] = append(m.posts[run], post{i, w / norm})
		}
		m.patterns[i].runs = r
	}
	return m
}

// weigh turns counts into weights and returns their length.
func (m *Matcher) weigh(runs map[string]float64) float64 {
	unknown := math.Log(1 + float64(len(m.patterns)))
	sum := 0.0
	for run, n := range runs {
		rare, ok := m.rarity[run]
		if !ok {
			rare = unknown
		}
		w := (1 + math.Log(n)) * rare
		runs[run] = w
		sum += w * w
	}
	return math.Sqrt(max(sum, 1e-12))
}

// Find returns the nearest answer that holds for a service on a day; Far with a zero version when none is near.
func (m *Matcher) Find(question, service, day string) Match {
	letters := tokens(question)
	if len(letters) == 0 || len(m.patterns) == 0 {
		return Match{Band: Far}
	}
	for _, i := range m.exact[sequence(letters)] {
		if v := m.versions[m.patterns[i].version]; v.Holds(service, day) {
			return Match{Same, v, m.patterns[i].question, 1}
		}
	}
	runs := runsOf(letters)
	norm := m.weigh(runs)
	best, at := 0.0, -1
	for _, i := range m.candidates(runs) {
		if !m.versions[m.patterns[i].version].Holds(service, day) {
			continue
		}
		score := 0.0
		for run, w := range m.patterns[i].runs {
			score += w * runs[run] / norm
		}
		score = steady(score)
		if score > best || score == best && at >= 0 && m.nearer(i, at, question) {
			best, at = score, i
		}
	}
	if at < 0 || best < WorthLooking {
		return Match{Band: Far, Score: best}
	}
	p := m.patterns[at]
	if traitsOf(letters) != p.traits {
		return Match{Band: Far, Score: best}
	}
	if best < NearFrom {
		return Match{Band: Far, Score: best}
	}
	return Match{Near, m.versions[p.version], p.question, min(best, 1)}
}

const (
	commonRun  = 1000 // patterns from which a run does not tell candidates, when there are rarer ones
	candidates = 64   // that are looked at exactly
)

// steady rounds away what the order of a sum does to it, so that equal questions are equally near every time.
func steady(score float64) float64 { return math.Round(score*1e9) / 1e9 }

// nearer chooses between equally near patterns: the one in the question's own script, then the earlier one.
func (m *Matcher) nearer(i, at int, question string) bool {
	own := hasHan(question)
	a, b := hasHan(m.patterns[i].question) == own, hasHan(m.patterns[at].question) == own
	if a != b {
		return a
	}
	return i < at
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// candidates are the patterns that share the rarest runs with a question, the likeliest first.
func (m *Matcher) candidates(runs map[string]float64) []int {
	dot := map[int]float64{}
	shortest := ""
	for run, w := range runs {
		posts := m.posts[run]
		if len(posts) > 0 && (shortest == "" || cmp.Or(cmp.Compare(len(posts), len(m.posts[shortest])), cmp.Compare(run, shortest)) < 0) {
			shortest = run
		}
		if len(posts) <= commonRun {
			for _, p := range posts {
				dot[p.pattern] += p.weight * w
			}
		}
	}
	if len(dot) == 0 {
		for _, p := range m.posts[shortest] {
			dot[p.pattern] += p.weight
		}
	}
	list := slices.Collect(maps.Keys(dot))
	slices.SortFunc(list, func(a, b int) int { return cmp.Or(cmp.Compare(steady(dot[b]), steady(dot[a])), a-b) })
	return list[:min(len(list), candidates)]
}

// tokens folds a question and takes it apart: each Chinese character for itself, letters and digits of others as words.
func tokens(question string) []token {
	f := moderation.NewFolder()
	var folded strings.Builder
	for _, r := range question {
		if r, seen := f.Rune(r); seen {
			folded.WriteRune(r)
		}
	}
	var out []token
	var word []rune
	flush := func() {
		switch w := string(word); w {
		case "":
			return
		case "ai":
			out = append(out, "人", "工", "智", "能")
		default:
			out = append(out, token(stem(w)))
		}
		word = word[:0]
	}
	for _, r := range alike().Replace(folded.String()) {
		switch {
		case r == '\'' || r == '’':
		case unicode.Is(unicode.Han, r):
			flush()
			out = append(out, token(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if len(word) > 0 && unicode.IsDigit(r) != unicode.IsDigit(word[len(word)-1]) {
				flush()
			}
			word = append(word, r)
		default:
			flush()
		}
	}
	flush()
	return plainly(out)
}

// plainly turns A不A and A没A into A: both ask.
func plainly(list []token) []token {
	out := list[:0:0]
	for i := 0; i < len(list); i++ {
		out = append(out, list[i])
		if i+2 < len(list) && (list[i+1] == "不" || list[i+1] == "没") && list[i] == list[i+2] {
			i += 2
		}
	}
	return out
}

// stem takes the plural and the third person off an English word.
func stem(word string) string {
	if len(word) > 3 && word != "news" && strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss") && !strings.HasSuffix(word, "us") && !strings.HasSuffix(word, "is") {
		return word[:len(word)-1]
	}
	return word
}

func strs(list []token) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t)
	}
	return out
}

// runsOf counts the runs of one to three letters, words that carry nothing left out.
func runsOf(letters []token) map[string]float64 {
	var kept []string
	for _, t := range letters {
		if w := string(t); !filler(w) && person(w) == 0 && w != "们" {
			kept = append(kept, string(t))
		}
	}
	if len(kept) == 0 {
		kept = strs(letters)
	}
	runs := map[string]float64{}
	for n := 1; n <= 3; n++ {
		for i := 0; i+n <= len(kept); i++ {
			runs[strings.Join(kept[i:i+n], "\x00")]++
		}
	}
	return runs
}
