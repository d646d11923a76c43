package answers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var (
	ann = journal.Actor{Kind: "staff", ID: "ann"}
	ben = journal.Actor{Kind: "staff", ID: "ben"}
)

func each(t *testing.T, test func(t *testing.T, r *Register, db *store.DB, j *journal.Journal)) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		j, _ := testkit.Journal(t, db)
		r, err := Open(context.Background(), db, j)
		if err != nil {
			t.Fatal(err)
		}
		test(t, r, db, j)
	})
}

// TestFourEyes: an answer is given after another person has approved it, in its days and services, and no longer than it stands.
func TestFourEyes(t *testing.T) {
	each(t, func(t *testing.T, r *Register, db *store.DB, j *journal.Journal) {
		ctx := context.Background()
		r.now = func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
		find := func(question, service string) string {
			t.Helper()
			m, err := r.Find(ctx, question, service)
			if err != nil {
				t.Fatal(err)
			}
			if m.Band != Same {
				return ""
			}
			return m.Version.Ref()
		}
		list, err := r.Set(ctx, ann, Answer{ID: "refund", Questions: []string{"怎么退款"}, ZH: "请在订单页申请。", Source: "退款规则", Services: []string{"demo"}, Until: "2026-11-23"},
			Answer{ID: "late", Questions: []string{"明天的问题"}, ZH: "明天见。", Source: "s", From: "2026-11-24"})
		if err != nil || len(list) != 2 || list[0].Ref() != "refund@1" {
			t.Fatal(list, err)
		}
		if find("怎么退款", "demo") != "" {
			t.Error("a draft was given")
		}
		if _, err := r.Approve(ctx, ann, "refund", 0); !errors.Is(err, ErrSamePerson) {
			t.Error(err)
		}
		for _, id := range []string{"refund", "late"} {
			if _, err := r.Approve(ctx, ben, id, 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Approve(ctx, ben, "refund", 0); !errors.Is(err, ErrState) {
			t.Error(err)
		}
		if find("请问怎么退款呢？", "demo") != "refund@1" || find("怎么退款", "other") != "" || find("明天的问题", "demo") != "" {
			t.Error("days or services are not kept")
		}
		again, err := r.Set(ctx, ben, Answer{ID: "refund", Questions: []string{"怎么退款"}, ZH: "请在订单页申请。", Source: "退款规则", Services: []string{"demo"}, Until: "2026-11-23"})
		if err != nil || len(again) != 0 {
			t.Errorf("an answer that did not change became %v, %v", again, err)
		}
		if _, err := r.Set(ctx, ben, Answer{ID: "refund", Questions: []string{"怎么退款"}, ZH: "新的回答。", Source: "退款规则"}); err != nil {
			t.Fatal(err)
		}
		if find("怎么退款", "demo") != "refund@1" {
			t.Error("a new draft took the old one out of force")
		}
		if _, err := r.Approve(ctx, ann, "refund", 2); err != nil {
			t.Fatal(err)
		}
		other, err := Open(ctx, db, j) // another process
		if err != nil {
			t.Fatal(err)
		}
		if m, err := other.Find(ctx, "怎么退款", "x"); err != nil || m.Version.Ref() != "refund@2" {
			t.Error(m, err)
		}
		r.now = func() time.Time { return time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC) } // midnight in China
		if find("明天的问题", "demo") != "late@1" {
			t.Error("an answer does not begin at midnight in China")
		}
		if _, err := r.Retire(ctx, ann, "late", 0, " "); err == nil {
			t.Error("no reason was asked for")
		}
		if _, err := r.Retire(ctx, ann, "late", 0, "过期"); err != nil {
			t.Fatal(err)
		}
		if find("明天的问题", "demo") != "" {
			t.Error("a retired answer was given")
		}
		history, err := r.History(ctx, "refund")
		if err != nil || len(history) != 2 || history[0].State != Approved || history[1].State != Superseded || history[0].Approver != ann {
			t.Errorf("%+v %v", history, err)
		}
		all, err := r.List(ctx)
		if err != nil || len(all) != 2 || all[0].ID != "late" || all[0].Note != "过期" {
			t.Errorf("%+v %v", all, err)
		}
		if _, err := r.History(ctx, "nobody"); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
	})
}

// TestBadAnswers: the error names answer, field and mend, and nothing of the list is written.
func TestBadAnswers(t *testing.T) {
	each(t, func(t *testing.T, r *Register, _ *store.DB, _ *journal.Journal) {
		good := Answer{ID: "a", Questions: []string{"问题"}, ZH: "答", Source: "s"}
		for want, change := range map[string]func(*Answer){
			"id":          func(a *Answer) { a.ID = "A b" },
			"questions":   func(a *Answer) { a.Questions = []string{" ", "？！"} },
			"at least":    func(a *Answer) { a.Questions = nil },
			"zh":          func(a *Answer) { a.ZH = " " },
			"source":      func(a *Answer) { a.Source = "" },
			"risk":        func(a *Answer) { a.Risk = "Z9" },
			"valid_from":  func(a *Answer) { a.From = "23.11.2026" },
			"valid_until": func(a *Answer) { a.From, a.Until = "2026-11-23", "2026-11-22" },
			"longer":      func(a *Answer) { a.Questions = []string{strings.Repeat("长", 201)} },
			"UTF-8":       func(a *Answer) { a.ZH = "\xff" },
		} {
			bad := good
			change(&bad)
			if _, err := r.Set(context.Background(), ann, good, bad); err == nil || !strings.Contains(err.Error(), want) && want != "id" {
				t.Errorf("%s: %v", want, err)
			}
		}
		if list, err := r.List(context.Background()); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		if _, err := r.Set(context.Background(), ann, good, good); err == nil {
			t.Error("an id was taken twice")
		}
	})
}

func BenchmarkFind(b *testing.B) {
	var versions []Version
	base := samples(b)
	for i := range 10_000 {
		s := base[i%len(base)].version
		v := Version{Answer: Answer{ID: fmt.Sprint("a", i), ZH: "答", Source: "s"}, N: 1, State: Approved}
		for _, q := range s.Questions {
			v.Questions = append(v.Questions, fmt.Sprint(q, " 第", i, "项"))
		}
		versions = append(versions, v)
	}
	m := NewMatcher(versions)
	for name, q := range map[string]string{"same": "怎么申请退款 第7777项", "far": "今天下午天气如何，适合去公园散步吗", "en": "How do I delete my account?"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Find(q, "demo", "2026-11-23")
			}
		})
	}
}

// TestTwoAnswersToOneQuestion: of two answers to the same question, service and day, the second is refused, and so is one whose days are over.
func TestTwoAnswersToOneQuestion(t *testing.T) {
	each(t, func(t *testing.T, r *Register, _ *store.DB, _ *journal.Journal) {
		r.now = func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
		set := func(a Answer) {
			t.Helper()
			a.ZH, a.Source = "请在订单页申请。", "s"
			if _, err := r.Set(t.Context(), ann, a); err != nil {
				t.Fatal(err)
			}
		}
		set(Answer{ID: "first", Questions: []string{"怎么退款", "退款流程是什么"}, Services: []string{"demo"}, Until: "2026-12-31"})
		if _, err := r.Approve(t.Context(), ben, "first", 0); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			a     Answer
			field string // of the error; empty: it is approved
		}{
			{Answer{ID: "same", Questions: []string{"什么是退货", "请问怎么退款？"}}, "questions"},
			{Answer{ID: "service", Questions: []string{"怎么退款"}, Services: []string{"other"}}, ""},
			{Answer{ID: "days", Questions: []string{"怎么退款"}, From: "2027-01-01", Services: []string{"demo"}}, ""},
			{Answer{ID: "question", Questions: []string{"怎么换货"}}, ""},
			{Answer{ID: "past", Questions: []string{"双十一规则"}, Until: "2026-11-22"}, "valid_until"},
			{Answer{ID: "first", Questions: []string{"怎么退款"}, Services: []string{"demo"}}, "questions"}, // days has it from 2027 on
			{Answer{ID: "first", Questions: []string{"怎么退款"}, Services: []string{"demo"}, Until: "2026-12-30"}, ""},
		} {
			set(x.a)
			_, err := r.Approve(t.Context(), ben, x.a.ID, 0)
			var bad *InvalidError
			if field := ""; errors.As(err, &bad) {
				if field = bad.Field; field != x.field {
					t.Errorf("%s: %v", x.a.ID, err)
				}
			} else if err != nil || x.field != "" {
				t.Errorf("%s: %v, want an error of %q", x.a.ID, err, x.field)
			}
		}
	})
}
