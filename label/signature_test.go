package label

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
)

func edKey(t testing.TB) *SigningKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func parsed(t testing.TB, text []byte) *SigningKey {
	t.Helper()
	k, err := ParseSigningKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// opensslKey is an SM2 key that OpenSSL made.
func opensslKey(t testing.TB) *SigningKey {
	t.Helper()
	return parsed(t, []byte(testkit.Tool(t, "openssl", "install openssl 3")("genpkey", "-algorithm", "SM2")+"\n"))
}

func public(t testing.TB, keys ...*SigningKey) []PublicKey {
	t.Helper()
	var all []byte
	for _, k := range keys {
		b, err := k.Public()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	list, err := ParsePublicKeys(all)
	if err != nil || len(list) != len(keys) {
		t.Fatal(err)
	}
	return list
}

func TestSignatures(t *testing.T) {
	for profile, k := range map[string]*SigningKey{ProfileEd25519: edKey(t), ProfileSM2: opensslKey(t)} {
		t.Run(profile, func(t *testing.T) {
			l, err := k.Sign(Produced("001191110000EXAMPLE00F00000", "01KB0000000000000000000000"))
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Validate(); err != nil {
				t.Fatal(err)
			}
			keys := public(t, k, edKey(t))
			if s, ok := l.CheckSignature(keys); !ok || !s.Valid || !s.Trusted || s.Profile != profile || s.KeyID != k.ID() {
				t.Errorf("%+v", s)
			}
			if s, ok := l.CheckSignature(nil); !ok || s.Trusted || s.Valid != (profile == ProfileSM2) || s.Reason == "" {
				t.Errorf("without keys: %+v", s)
			}
			other := l
			other.ProduceID += "1"
			if s, ok := other.CheckSignature(keys); !ok || s.Valid || s.Reason == "" {
				t.Errorf("altered: %+v", s)
			}
			// what a propagator adds is not signed by the producer
			other = l
			other.ContentPropagator, other.PropagateID = "001191110000EXAMPLE00F20001", "x"
			if s, _ := other.CheckSignature(keys); !s.Trusted {
				t.Errorf("propagated: %+v", s)
			}
			// it survives the metadata of a file, and reads as conforming
			edit, err := Write(carrier.Bytes(picture(t, 64, 48)), l, "")
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if _, err := edit.WriteTo(&out); err != nil {
				t.Fatal(err)
			}
			r := Verify(carrier.Bytes(out.Bytes()))
			if r.Verdict != Compliant || len(r.Faults) != 0 {
				t.Fatalf("%+v", r)
			}
			if s, ok := r.Labels[0].Value.CheckSignature(keys); !ok || !s.Trusted {
				t.Errorf("%+v", s)
			}
		})
	}
}

// OpenSSL verifies what we sign, and we what it signs.
func TestSM2WithOpenSSL(t *testing.T) {
	openssl := testkit.Tool(t, "openssl", "install openssl 3")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(at(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openssl("genpkey", "-algorithm", "SM2", "-out", at("key.pem"))
	text, err := os.ReadFile(at("key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	k := parsed(t, text)
	l, err := k.Sign(Produced("001191110000EXAMPLE00F00000", "01KB0000000000000000000000"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	write("pub.pem", pub)
	write("text", l.signedText())
	var x security
	if err := json.Unmarshal([]byte(l.ReservedCode1), &x); err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(x.Data.PubSD[0].Signature)
	if err != nil || len(raw) != 64 {
		t.Fatal(err)
	}
	write("sig", der(raw))
	if out := openssl("pkeyutl", "-verify", "-pubin", "-inkey", at("pub.pem"), "-in", at("text"), "-rawin", "-digest", "sm3", "-pkeyopt", "distid:"+sm2User, "-sigfile", at("sig")); !strings.Contains(out, "Success") {
		t.Error(out)
	}
	write("text", append(l.signedText(), 'x'))
	if out, err := exec.CommandContext(t.Context(), "openssl", "pkeyutl", "-verify", "-pubin", "-inkey", at("pub.pem"), "-in", at("text"), "-rawin", "-digest", "sm3", "-pkeyopt", "distid:"+sm2User, "-sigfile", at("sig")).CombinedOutput(); err == nil {
		t.Errorf("another text: %s", out)
	}
	write("text", l.signedText())
	openssl("pkeyutl", "-sign", "-inkey", at("key.pem"), "-in", at("text"), "-rawin", "-digest", "sm3", "-pkeyopt", "distid:"+sm2User, "-out", at("theirs"))
	theirs, err := os.ReadFile(at("theirs"))
	if err != nil {
		t.Fatal(err)
	}
	x.Data.PubSD[0].Signature = hex.EncodeToString(theirs)
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	l.ReservedCode1 = string(b)
	if s, ok := l.CheckSignature(public(t, k)); !ok || !s.Trusted {
		t.Errorf("%+v", s)
	}
}

// der is r and s as an ASN.1 sequence.
func der(raw []byte) []byte {
	number := func(b []byte) []byte {
		b = bytes.TrimLeft(b, "\x00")
		if b[0] >= 0x80 {
			b = append([]byte{0}, b...)
		}
		return append([]byte{2, byte(len(b))}, b...)
	}
	body := append(number(raw[:32]), number(raw[32:])...)
	return append([]byte{0x30, byte(len(body))}, body...)
}

func TestSignaturesOfOthers(t *testing.T) {
	for name, code := range map[string]string{"a hash": "0f3a", "nothing": "", "JSON of something else": `{"a":1}`, "another type": `{"SecurityData":{"Type":"X"}}`, "no signature": `{"SecurityData":{"Type":"TC260PG","PubSD":[]}}`} {
		if s, ok := (Implicit{ReservedCode1: code}).CheckSignature(nil); ok {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for name, code := range map[string]string{"cut": edPrefix + "ab:cd", "no key": edPrefix, "another algorithm": `{"SecurityData":{"Type":"TC260PG","PubSD":[{"Type":"DS","AlgID":"1.2"}]}}`,
		"a point off the curve": `{"SecurityData":{"Type":"TC260PG","PubSD":[{"Type":"DS","AlgID":"1.2.156.10197.1.501","TBSData":{"Type":"Md"},"Signature":"` + strings.Repeat("ab", 64) + `"},{"Type":"PubKey","KeyValue":"` + strings.Repeat("ab", 64) + `"}]}}`} {
		if s, ok := (Implicit{ReservedCode1: code}).CheckSignature(nil); !ok || s.Valid || s.Reason == "" {
			t.Errorf("%s: %+v %t", name, s, ok)
		}
	}
	for _, bad := range []string{"", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"} {
		if _, err := ParseSigningKey([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
		if _, err := ParsePublicKeys([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzCheckSignature(f *testing.F) {
	f.Add(edPrefix + "ab:cd")
	l, err := opensslKey(f).Sign(Produced("p", "i"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(l.ReservedCode1)
	f.Fuzz(func(t *testing.T, code string) {
		if s, _ := (Implicit{Label: "1", ContentProducer: "p", ProduceID: "other", ReservedCode1: code}).CheckSignature(nil); s.Trusted {
			t.Fatalf("%q: %+v", code, s)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	for profile, k := range map[string]*SigningKey{ProfileEd25519: edKey(b), ProfileSM2: opensslKey(b)} {
		b.Run(profile, func(b *testing.B) {
			l := Produced("001191110000EXAMPLE00F00000", "01KB0000000000000000000000")
			for b.Loop() {
				if _, err := k.Sign(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
