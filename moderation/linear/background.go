package linear

import "github.com/hegui/hegui/moderation"

// CarefulOverBlock is the share of harmless text that a label may hit where samples are few. It is low because texts that are easily told
// apart would otherwise be given a threshold that spends the whole share on what looks like neither. Ours.
const CarefulOverBlock = 0.001

// of how many lines of the shipped harmless text one is learnt from.
const backgroundEvery = 4

// Background is harmless text to learn from beside what people judged: that is little and of one kind, and alone it makes a classifier
// take everything that it has not seen for harmful.
func Background() []Sample {
	var out []Sample
	for i, text := range moderation.Benign() {
		if i%backgroundEvery == 0 {
			out = append(out, Sample{Text: text})
		}
	}
	return out
}
