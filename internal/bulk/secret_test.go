package bulk

import (
	"strings"
	"testing"
)

func TestSecretHasItsShapeAndIsNeverTheSameTwice(t *testing.T) {
	a, prefix := NewSecret()
	b, _ := NewSecret()
	if !ValidSecret(a) || !strings.HasPrefix(a, prefix+"_") || len(prefix) != 12 {
		t.Errorf("NewSecret() = %q, %q: not of the documented shape", a, prefix)
	}
	if a == b || HashSecret(a) == HashSecret(b) {
		t.Errorf("two secrets are equal: %q, %q", a, b)
	}
	for _, s := range []string{"", "bhk_", a + "x", a[:len(a)-1], strings.ToUpper(a), "bhk_01234567 " + NewToken()} {
		if ValidSecret(s) {
			t.Errorf("ValidSecret(%q) = true", s)
		}
	}
}

func TestHashSecretIsHexSHA256(t *testing.T) {
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of "abc", FIPS 180-2
	if got := HashSecret("abc"); got != want {
		t.Errorf("HashSecret = %s, want %s", got, want)
	}
}
