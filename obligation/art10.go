package obligation

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/service"
)

// art10 is Article 10: suitable people, occasions and purposes, and minors.
func art10() []Control {
	return []Control{{
		Duty:    "D10-01",
		Control: Bilingual{"公示页公开适用人群、场合、用途、局限、模型算法概况和所用个人信息，中英文齐备。", "The public page gives people, occasions, purposes, limits, outline of model and algorithm, and personal information used, in Chinese and English."},
		Fresh:   probeFresh,
		Check:   checkDisclosure,
	}, {
		Duty:    "D10-02",
		Control: Bilingual{"识别未成年人并切换至未成年人模式，可申诉。", "Minors are recognised and switched to minors' mode, with a way to appeal."},
		NotYet:  &Bilingual{"尚无未成年人识别与模式。允许未成年人使用的，请在应用中识别并限制；不允许的，请在公示页写明并在注册时拦截。", "Minors are neither recognised nor switched yet. If you admit them, recognise and limit them in the application; if not, say so on the public page and bar them at sign-up."},
	}, {
		Duty:    "D10-03",
		Control: Bilingual{"按年龄限制使用时长与时段，监护人可调整。", "Time and hours are limited by age; a guardian may change them."},
		NotYet:  &Bilingual{"尚不统计使用时长，也没有宵禁。请在应用中设置。", "Time of use is not counted and there is no curfew yet. Set both in the application."},
	}, {
		Duty:    "D10-04",
		Control: Bilingual{"不满十四周岁者须先取得监护人同意。", "Under fourteen, a guardian consents first."},
		NotYet:  &Bilingual{"尚不登记监护人同意。请在注册环节取得并保存。", "Guardians' consent is not recorded yet. Obtain and keep it at sign-up."},
	}, {
		Duty:    "D10-05",
		Control: Bilingual{"对未成年人拦截有害信息、提示可能有影响的信息，并限制消费。", "Harmful information is blocked for minors, doubtful information announced, spending capped."},
		NotYet:  &Bilingual{"尚无面向未成年人的分级与消费限制。请在应用中提供或不向未成年人开放。", "There is no grading and no spending cap for minors yet. Provide them in the application or do not open it to minors."},
	}, {
		Duty:    "D10-06",
		Control: Bilingual{"每年形成未成年人个人信息审计与防沉迷报告。", "A yearly audit of minors' information and an anti-addiction report are made."},
		NotYet:  &Bilingual{"尚不生成年度审计与报告。请自行完成，并在每年 1 月 31 日前报送审计情况。", "The yearly audit and report are not made yet. Do them yourself; the audit is due by 31 January."},
	}, {
		Duty:    "D10-07",
		Control: Bilingual{"拟人化互动服务提示人工智能身份、连续使用提醒、随时退出。", "Anthropomorphic services say that they are AI, remind after long use and end at once."},
		NotYet:  &Bilingual{"尚不判定服务是否属于拟人化互动，也无相应提示。提供情感陪伴类服务的，请在应用中实现提示、退出与评估。", "Whether a service is anthropomorphic is not decided and nothing of it is done yet. If it offers companionship, build notices, exit and assessment into the application."},
	}}
}

// reviewEvery is our default for how often the public page is looked over.
const reviewEvery = 90 * 24 * time.Hour

// checkDisclosure reads the page of every service as any visitor would, in both languages.
func checkDisclosure(ctx context.Context, ev Evidence) (Finding, error) {
	services, err := ev.services()
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	home, err := ev.fetch(ctx, "/?lang=zh")
	if !j.reached(home, err) {
		return j.finding()
	}
	missing := []string{}
	for _, s := range services {
		path := "/services/" + url.PathEscape(s.ID)
		if !strings.Contains(home.Raw, path) {
			j.sayf(Breach, "首页没有通往服务 %s 说明页的链接。", "The home page does not lead to the page of service %s.", s.ID)
		}
		for _, lang := range []string{"zh", "en"} {
			p, err := ev.fetch(ctx, path+"?lang="+lang)
			if !j.reached(p, err) {
				continue
			}
			for name, text := range disclosed(s.Disclosure, lang) {
				if !p.shows(text) {
					missing = append(missing, s.ID+"/"+lang+"/"+name)
				}
			}
		}
		e, ok, err := ev.declared(ctx, journal.ServiceInForce, "service", s.ID)
		if err != nil {
			return Finding{}, err
		}
		if ok {
			j.ref(eventRef(e))
			j.fact("in_force_since_"+s.ID, e.At.UTC().Format(time.RFC3339))
			if ev.Now.Sub(e.At) > reviewEvery {
				j.sayf(Notice, "服务 %s 的声明超过 90 天没有更新。", "The declaration of service %s is more than 90 days old.", s.ID)
			}
		}
	}
	j.seen(ev.Now)
	j.fact("services", len(services))
	slices.Sort(missing)
	j.fact("missing", missing)
	if len(missing) > 0 {
		j.sayf(Breach, "公示页缺少：%s。", "The public page lacks: %s.", strings.Join(missing, ", "))
		j.mend("在 hegui.yaml 的 disclosure 中补全六项的中英文。", "Complete the six parts of disclosure in both languages in hegui.yaml.")
	} else if j.status != Breach {
		j.say(Met, "从外部取得的公示页六项齐备，中英文均有。", "The public page, fetched from outside, gives all six parts in Chinese and English.")
	}
	j.say(Notice, "接口文档和应用内的使用引导不在核查范围内。", "API documentation and guidance inside the application are not looked at.")
	j.mend("请在接口文档中写明同样的内容，并在应用内引导使用者。", "Put the same into your API documentation and guide users inside the application.")
	return j.finding()
}

func disclosed(d service.Disclosure, lang string) map[string]string {
	if lang == "zh" {
		return map[string]string{"people": d.PeopleZH, "occasions": d.OccasionsZH, "purposes": d.PurposesZH, "limits": d.LimitsZH, "outline": d.OutlineZH, "personal": d.PersonalZH}
	}
	return map[string]string{"people": d.PeopleEN, "occasions": d.OccasionsEN, "purposes": d.PurposesEN, "limits": d.LimitsEN, "outline": d.OutlineEN, "personal": d.PersonalEN}
}
