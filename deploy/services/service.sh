# What the service scripts share: where state lives, and how a process is started,
# awaited and ended. Sourced, not run.
#
# Every service keeps its files in .services/NAME of the checkout: pid, log, port and
# data. A pid file holds the process id and its start time, so that a reused id is
# never mistaken for ours.
set -euo pipefail
services=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=$(cd "$services/../.." && pwd)/.services
mkdir -p "$state"

# alone waits for its turn: two that start the same service would start it twice.
alone() { exec 9>"$state/lock" && flock 9; } # the lock ends with the script

say() { echo "$*" >&2; }

fail() { # name reason: also shows the end of the log
  say "services: $1: $2"
  tail -n 25 "$state/$1/log" >&2 2>/dev/null || true
  exit 1
}

born() { # pid: prints the start time; fails for an ended process
  local fields
  [[ -r /proc/$1/stat ]] && read -ra fields < <(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 1
  [[ ${#fields[@]} -gt 19 && ${fields[0]} != Z ]] && echo "${fields[19]}"
}

pid_of() { # name: prints the id of the running process that we started
  local pid start
  [[ -r $state/$1/pid ]] && read -r pid start <"$state/$1/pid" && [[ -n $start && $(born "$pid") == "$start" ]] && echo "$pid"
}

running() { pid_of "$1" >/dev/null; }

start() { # name command…
  local name=$1 dir=$state/$1
  shift
  say "services: $name: starts"
  [[ ! -f $dir/log ]] || mv "$dir/log" "$dir/log.old"
  setsid "$@" </dev/null >"$dir/log" 2>&1 9>&- &
  echo "$! $(born $!)" >"$dir/pid"
}

await() { # name seconds command…: until the command succeeds
  local name=$1 seconds=$2 end=$((SECONDS + $2))
  shift 2
  until "$@" 2>/dev/null; do
    running "$name" || fail "$name" "it ended while starting"
    ((SECONDS < end)) || fail "$name" "it is not ready after $seconds s"
    sleep 0.1
  done
}

stop() { # name signal seconds: ends it, by force when it takes longer
  local pid end=$((SECONDS + $3))
  if pid=$(pid_of "$1"); then
    say "services: $1: ends"
    kill "-$2" "$pid"
    while running "$1"; do
      ((SECONDS < end)) || { kill -KILL "$pid" && end=$((SECONDS + 10)); }
      sleep 0.1
    done
  fi
  rm -f "$state/$1/pid"
}

open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # port

port() { # name file first: prints the port in the file, or the next free one from first on
  local file=$state/$1/$2 port=$3
  mkdir -p "$state/$1"
  if [[ -r $file ]]; then port=$(<"$file"); fi
  while ! running "$1" && open "$port"; do port=$((port + 1)); done
  echo "$port" | tee "$file"
}

set_to() { echo "export $1=${2@Q}"; } # variable value
