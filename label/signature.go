package label

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// ReservedCode1 is the producer's to use for its own security (Annex E f). Two profiles are written and read here:
//
//   - sm2: the object SecurityData of TC260-PG-202511A, an SM2 signature over SM3 with the public key beside it. The guide's text was not readable here; the form
//     follows reports of files in the wild, and the signature's encoding is read both ways.
//   - ed25519: "ed25519:", the key's id and the signature, in the plain characters of Annex E j). Ours.
//
// Either signs Label, ContentProducer and ProduceID and nothing of the content: it shows that a producer gave out this number, not that this file is
// the one that it was given to. The content ledger tells that.

// Profiles of signatures.
const (
	ProfileSM2     = "sm2"
	ProfileEd25519 = "ed25519"
)

const (
	sm3WithSM2 = "1.2.156.10197.1.501"
	sm2User    = "1234567812345678" // the default id of GM/T 0009
	edPrefix   = "ed25519:"
)

// SigningKey signs labels. Safe for concurrent use.
type SigningKey struct {
	sm2 *sm2.PrivateKey
	ed  ed25519.PrivateKey
	id  string
}

// ParseSigningKey reads a PKCS #8 key in PEM: Ed25519 or SM2 (openssl genpkey -algorithm ED25519, or SM2).
func ParseSigningKey(text []byte) (*SigningKey, error) {
	block, _ := pem.Decode(text)
	for block != nil && block.Type != "PRIVATE KEY" {
		block, text = pem.Decode(text)
		if len(text) == 0 {
			break
		}
	}
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("label: the file holds no PEM block PRIVATE KEY (PKCS #8, not encrypted); make one with openssl genpkey -algorithm ED25519")
	}
	key, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("label: the private key cannot be read: %w", err)
	}
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return &SigningKey{ed: k, id: keyID(k.Public().(ed25519.PublicKey))}, nil
	case *sm2.PrivateKey:
		return &SigningKey{sm2: k, id: keyID(point(&k.PublicKey))}, nil
	}
	return nil, fmt.Errorf("label: a key of type %T signs no labels here; use Ed25519 or SM2", key)
}

// ID names the key: the first 16 hexadecimal digits of the SHA-256 of its public part.
func (k *SigningKey) ID() string { return k.id }

// Profile is sm2 or ed25519.
func (k *SigningKey) Profile() string {
	if k.sm2 != nil {
		return ProfileSM2
	}
	return ProfileEd25519
}

// Public is the public part, to be given to those who check: PEM, SubjectPublicKeyInfo.
func (k *SigningKey) Public() ([]byte, error) {
	var der []byte
	var err error
	if k.sm2 != nil {
		der, err = smx509.MarshalPKIXPublicKey(&k.sm2.PublicKey)
	} else {
		der, err = x509.MarshalPKIXPublicKey(k.ed.Public())
	}
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// security is the object of TC260-PG-202511A as it is seen in files.
type security struct {
	Data securityData `json:"SecurityData"`
}

type securityData struct {
	Type  string         `json:"Type"`
	PubSD []securityPart `json:"PubSD"`
}

type securityPart struct {
	Type      string   `json:"Type"`
	AlgID     string   `json:"AlgID,omitempty"`
	TBSData   *tbsData `json:"TBSData,omitempty"`
	KeyID     string   `json:"KeyID,omitempty"`
	Signature string   `json:"Signature,omitempty"`
	KeyValue  string   `json:"KeyValue,omitempty"`
}

type tbsData struct {
	Type string `json:"Type"`
}

// Sign returns the label with the signature in ReservedCode1.
func (k *SigningKey) Sign(l Implicit) (Implicit, error) {
	text := l.signedText()
	if k.sm2 == nil {
		l.ReservedCode1 = edPrefix + k.id + ":" + base64.RawURLEncoding.EncodeToString(ed25519.Sign(k.ed, text))
		return l, nil
	}
	r, s, err := sm2.SignWithSM2(rand.Reader, &k.sm2.PrivateKey, []byte(sm2User), text)
	if err != nil {
		return l, fmt.Errorf("label: sign: %w", err)
	}
	raw := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	b, err := json.Marshal(security{securityData{"TC260PG", []securityPart{
		{Type: "DS", AlgID: sm3WithSM2, TBSData: &tbsData{"Md"}, KeyID: k.id, Signature: hex.EncodeToString(raw)},
		{Type: "PubKey", KeyValue: hex.EncodeToString(point(&k.sm2.PublicKey))},
	}}})
	if err != nil {
		return l, fmt.Errorf("label: sign: %w", err)
	}
	l.ReservedCode1 = string(b)
	return l, nil
}

// signedText is what a signature covers, as the guide has it: three members as they stand in the label.
func (l Implicit) signedText() []byte {
	return fmt.Appendf(nil, `"Label":"%s","ContentProducer":"%s","ProduceID":"%s"`, l.Label, l.ContentProducer, l.ProduceID)
}

// Signature is what can be said of ReservedCode1.
type Signature struct {
	Profile string `json:"profile"` // sm2, ed25519; empty: no signature that is known here
	KeyID   string `json:"key_id,omitempty"`
	Valid   bool   `json:"valid"`                 // it fits the label and the key
	Unknown bool   `json:"unknown_key,omitempty"` // it cannot be checked: no key comes along, and none that the reader knows is the one
	Trusted bool   `json:"trusted"`               // the key is one of those that the reader knows; otherwise it is only the one that came along
	Reason  string `json:"reason,omitempty"`
}

// PublicKey is one that the reader knows.
type PublicKey struct {
	sm2 *ecdsa.PublicKey
	ed  ed25519.PublicKey
	id  string
}

// ID is that of SigningKey.
func (k PublicKey) ID() string { return k.id }

// ParsePublicKeys reads every PEM block PUBLIC KEY of a text.
func ParsePublicKeys(text []byte) ([]PublicKey, error) {
	var keys []PublicKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "PUBLIC KEY" {
			continue
		}
		key, err := smx509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("label: a public key cannot be read: %w", err)
		}
		switch k := key.(type) {
		case ed25519.PublicKey:
			keys = append(keys, PublicKey{ed: k, id: keyID(k)})
		case *ecdsa.PublicKey:
			if !sm2.IsSM2PublicKey(k) {
				return nil, errors.New("label: a public key is on another curve than SM2's")
			}
			keys = append(keys, PublicKey{sm2: k, id: keyID(point(k))})
		default:
			return nil, fmt.Errorf("label: a key of type %T signs no labels; give Ed25519 or SM2 keys", key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("label: the file holds no PEM block PUBLIC KEY")
	}
	return keys, nil
}

// CheckSignature judges ReservedCode1. ok is false when it holds no signature of a known profile, which is no fault: the code is the producer's to use.
func (l Implicit) CheckSignature(known []PublicKey) (s Signature, ok bool) {
	if rest, found := strings.CutPrefix(l.ReservedCode1, edPrefix); found {
		return l.checkEd25519(rest, known), true
	}
	var x security
	if json.Unmarshal([]byte(l.ReservedCode1), &x) != nil || x.Data.Type != "TC260PG" {
		return s, false
	}
	at := slices.IndexFunc(x.Data.PubSD, func(p securityPart) bool { return p.Type == "DS" })
	if at < 0 {
		return s, false
	}
	return l.checkSM2(x.Data.PubSD[at], x.Data.PubSD, known), true
}

func (l Implicit) checkEd25519(rest string, known []PublicKey) Signature {
	id, text, _ := strings.Cut(rest, ":")
	s := Signature{Profile: ProfileEd25519, KeyID: clipped(id)}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != ed25519.SignatureSize {
		s.Reason = "the signature is cut or is none"
		return s
	}
	at := slices.IndexFunc(known, func(k PublicKey) bool { return k.ed != nil && k.id == id })
	if at < 0 {
		s.Unknown, s.Reason = true, "the key is not among those given, and does not come along"
		return s
	}
	if s.Valid = ed25519.Verify(known[at].ed, l.signedText(), raw); !s.Valid {
		s.Reason = "it does not fit: the label was altered, or taken from another"
	}
	s.Trusted = s.Valid
	return s
}

func (l Implicit) checkSM2(ds securityPart, parts []securityPart, known []PublicKey) Signature {
	s := Signature{Profile: ProfileSM2, KeyID: clipped(ds.KeyID)}
	switch {
	case ds.AlgID != sm3WithSM2:
		s.Reason = fmt.Sprintf("the algorithm %.40q is not SM3 with SM2", ds.AlgID)
		return s
	case ds.TBSData == nil || ds.TBSData.Type != "Md":
		s.Reason = "it signs something else than the label, which is not read here"
		return s
	}
	raw, err := hex.DecodeString(ds.Signature)
	if err != nil || len(raw) < 8 || len(raw) > 80 {
		s.Reason = "the signature is cut or is none"
		return s
	}
	fits := func(k *ecdsa.PublicKey) bool {
		if len(raw) == 64 && sm2.VerifyWithSM2(k, []byte(sm2User), l.signedText(), new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])) {
			return true
		}
		return sm2.VerifyASN1WithSM2(k, []byte(sm2User), l.signedText(), raw)
	}
	for _, k := range known {
		if k.sm2 != nil && fits(k.sm2) {
			s.Valid, s.Trusted, s.KeyID = true, true, k.id
			return s
		}
	}
	at := slices.IndexFunc(parts, func(p securityPart) bool { return p.Type == "PubKey" })
	if at < 0 {
		s.Unknown, s.Reason = true, "no key comes along, and none of those given fits"
		return s
	}
	k, err := fromPoint(parts[at].KeyValue)
	if err != nil {
		s.Reason = err.Error()
		return s
	}
	if s.Valid = fits(k); !s.Valid {
		s.Reason = "it does not fit: the label was altered, or taken from another"
	} else {
		s.Reason = "it fits the key that comes along, which anybody can make; whose it is has to be known"
	}
	return s
}

// spki is what stands before the point in the SubjectPublicKeyInfo of an SM2 key.
const spki = "3059301306072a8648ce3d020106082a811ccf5501822d034200"

// point is a public key as its uncompressed point.
func point(k *ecdsa.PublicKey) []byte {
	der, err := smx509.MarshalPKIXPublicKey(k)
	if err != nil || len(der) < 65 {
		return nil // no key of ours: it was parsed
	}
	return der[len(der)-65:]
}

// fromPoint reads one, in hexadecimal with or without the leading 04.
func fromPoint(text string) (*ecdsa.PublicKey, error) {
	if len(text) == 128 {
		text = "04" + text
	}
	der, err := hex.DecodeString(spki + text)
	if err != nil || len(text) != 130 {
		return nil, errors.New("the key that comes along is no point in hexadecimal")
	}
	k, err := smx509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("the key that comes along lies not on the curve of SM2")
	}
	public, ok := k.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("the key that comes along is none of SM2")
	}
	return public, nil
}

func keyID(public []byte) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}

// clipped bounds what somebody else wrote.
func clipped(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
