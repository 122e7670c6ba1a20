package app

import (
	"cmp"
	"runtime/debug"
)

// Version names the build: the module's version, or the revision it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return cmp.Or(info.Main.Version, "dev") + "+" + s.Value[:12]
		}
	}
	return cmp.Or(info.Main.Version, "dev")
}
