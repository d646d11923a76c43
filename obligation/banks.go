package obligation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/measures"
)

func checkContentBank(_ context.Context, ev Evidence) (Finding, error) {
	return checkBanks(ev, assessment.BankContent)
}

func checkTwoBanks(_ context.Context, ev Evidence) (Finding, error) {
	return checkBanks(ev, assessment.BankAnswer, assessment.BankRefuse)
}

// checkBanks counts questions against every minimum: the size of a bank is a shall, what each risk or aspect needs a
// should. The best status is a notice: no date of the questions is kept, so a monthly refresh cannot be proved.
func checkBanks(ev Evidence, banks ...string) (Finding, error) {
	questions := ev.Questions
	if questions == nil {
		questions = slices.Concat(assessment.MustAnswer(), assessment.MustRefuse(), assessment.Content())
	}
	j := begin()
	j.seen(ev.Now) // they are part of this program
	for _, bank := range banks {
		j.ref("bank:" + bank)
		j.holdsBank(bank, assessment.Counts(questions))
	}
	j.say(Notice, "题目没有更新日期，无法证明每月更新。", "Questions carry no date, so a monthly refresh cannot be proved.")
	if j.status != Notice {
		j.mend("本版本只附带题库，不能登记自有题目。请按 need 另行补足所列缺口：hegui 不附带政治类题目，须由您自己编写并审核；每月更新并保存记录。",
			"This version carries its banks and cannot hold questions of your own. Keep the missing ones listed under need elsewhere: hegui ships none on political risks, so write and approve them yourself; refresh monthly and keep the record.")
	} else {
		j.mend("每月更新题目并保存记录。", "Refresh the questions monthly and keep the record.")
	}
	return j.finding()
}

// holdsBank says what one bank has against its minima.
func (j *judgement) holdsBank(bank string, counts []assessment.Minimum) {
	name := map[string]Bilingual{
		assessment.BankAnswer:  {"非拒答测试题库", "The must-answer bank"},
		assessment.BankRefuse:  {"拒答测试题库", "The must-refuse bank"},
		assessment.BankContent: {"生成内容测试题库", "The bank for generated content"},
	}[bank]
	lines, missing, short := []string{}, []string{}, []string{}
	for _, m := range counts {
		if m.Bank != bank {
			continue
		}
		line := fmt.Sprintf("%s: have %d, need %d, %s, %s", m.Key, m.Have, m.Need, m.Force, m.Source)
		if !m.Verified {
			line += ", not confirmed against the text"
		}
		lines = append(lines, line)
		switch {
		case m.Short() == 0 || m.Force == measures.Ours:
		case m.Key == assessment.KeyTotal:
			status := Short
			if m.Force == measures.Shall {
				status = Breach
			}
			j.say(status, fmt.Sprintf("%s有 %d 题，须有 %d 题。", name.ZH, m.Have, m.Need), fmt.Sprintf("%s has questions: %d, needed: %d.", name.EN, m.Have, m.Need))
		case m.Have == 0:
			missing = append(missing, m.Key)
		default:
			short = append(short, m.Key)
		}
	}
	j.fact(bank, lines)
	j.fact(bank+"_missing", missing)
	j.fact(bank+"_short", short)
	if len(missing) > 0 {
		j.say(Short, name.ZH+"没有题目的有 "+strings.Join(missing, "、")+"。", name.EN+" has no question for "+strings.Join(missing, ", ")+".")
	}
	if len(short) > 0 {
		j.say(Short, name.ZH+"题目不足的有 "+strings.Join(short, "、")+"。", name.EN+" has too few questions for "+strings.Join(short, ", ")+".")
	}
	if len(missing)+len(short) == 0 {
		j.say(Met, name.ZH+"各项均达到建议数量。", name.EN+" has the recommended number for each risk or aspect.")
	}
}
