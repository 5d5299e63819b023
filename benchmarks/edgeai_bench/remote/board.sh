#!/bin/sh
# What `edgeai bench --on` runs on a board, in any POSIX shell (dash, busybox): a job in a folder of its own.
# It goes on where the connection is lost. Where nobody asks for it any more, it ends and removes itself:
# no clock is looked at for that, since a board's may jump by years when it finds the time.
#
#   list                          every job's folder of this user: NAME STATE OWNER
#   make NAME OWNER               make a job's folder; prints its path
#   guard FOLDER LEASE TICK       from now on it removes itself where nobody asks for it
#   take NAME OWNER               have it from now on; prints its path
#   find COMMAND                  prints where it is; nothing where it is not
#   have FOLDER FILE              `yes` where it is there already
#   put FOLDER FILE SHA256        standard input becomes a file
#   start FOLDER                  run command.sh there, once
#   poll FOLDER SECONDS OWNER     wait so long for its end: `done CODE`, `running` with its last line, `gone`, or
#                                 `taken` by another owner
#   answer FOLDER, said FOLDER    standard output and error of command.sh
#   drop NAME                     stop it and remove everything
#   watch FOLDER, job FOLDER      the two processes of a job, each in a session of its own
set -u
umask 077
prefix=edgeai-bench-$(id -u)-
place=${TMPDIR:-/tmp}
PATH=$PATH:$HOME/.local/bin # where pip puts commands, and which a shell without a login may not know

is_alive() { # PID FOLDER: whether it is the process that was started for the folder
	[ -n "$1" ] && kill -0 "$1" 2>/dev/null && tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF -- "$2"
}

content() { # FILE: its text, or nothing
	cat "$1" 2>/dev/null || :
}

nap() { # a moment, where sleep knows of them
	sleep 0.1 2>/dev/null || sleep 1
}

is_ours() { # FOLDER: a folder of this user, and no link to another one
	[ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ]
}

state() { # FOLDER
	if [ -f "$1/code" ]; then
		echo done
	elif is_alive "$(content "$1/job.pid")" "$1"; then
		echo running
	elif is_alive "$(content "$1/watch.pid")" "$1"; then
		echo open
	else
		echo dead
	fi
}

drop() { # FOLDER
	job=$(content "$1/job.pid")
	if is_alive "$job" "$1"; then
		kill -TERM "-$job" 2>/dev/null
		tries=0
		# A bench that is told to end stops its workers and removes their inputs.
		while kill -0 "-$job" 2>/dev/null && [ "$tries" -lt 100 ]; do
			nap
			tries=$((tries + 1))
		done
		kill -KILL "-$job" 2>/dev/null
	fi
	cd /
	rm -rf -- "$1"
}

verb=$1
shift
case $verb in
list)
	for folder in "$place/$prefix"*; do
		is_ours "$folder" && echo "${folder##*/"$prefix"} $(state "$folder") $(content "$folder/owner")"
	done
	:
	;;
make)
	folder=$place/$prefix$1
	if [ -e "$folder" ]; then # never one that is there: it may be another's
		echo "another client has just begun the same run here; wait for it, or try again" >&2
		exit 1
	fi
	mkdir -- "$folder" || exit 1
	mkdir -- "$folder/tmp" "$folder/files"
	echo "$2" >"$folder/owner"
	echo "$folder"
	;;
guard)
	setsid sh "$1/board.sh" watch "$1" "$2" "$3" </dev/null >/dev/null 2>&1 &
	until [ -f "$1/watch.pid" ]; do nap; done
	;;
take)
	folder=$place/$prefix$1
	is_ours "$folder" || exit 1
	: >"$folder/seen"
	echo "$2" >"$folder/owner"
	echo "$folder"
	;;
find)
	case $1 in
	"~/"*) command -v -- "$HOME/${1#??}" || : ;;
	*) command -v -- "$1" || : ;;
	esac
	;;
have)
	[ -e "$1/$2" ] && echo yes
	:
	;;
put)
	cd -- "$1" || exit 1
	mkdir -p -- "$(dirname -- "$2")"
	parent=$$
	# A slow network takes longer than the lease: as long as this runs, somebody is there.
	while kill -0 "$parent" 2>/dev/null; do
		: >"$1/seen"
		sleep 2
	done </dev/null >/dev/null 2>&1 &
	cat >"$2.part"
	kill "$!" 2>/dev/null
	# A lost connection looks like the end of the file.
	if [ "$(sha256sum <"$2.part")" != "$3  -" ]; then
		rm -f -- "$2.part"
		echo "what arrived has another sha256; is the disk full?" >&2
		exit 1
	fi
	mv -- "$2.part" "$2"
	;;
start)
	: >"$1/seen"
	mkdir -- "$1/started" 2>/dev/null || exit 0
	setsid sh "$1/board.sh" job "$1" </dev/null >/dev/null 2>&1 &
	until [ -f "$1/job.pid" ]; do nap; done
	;;
job)
	cd -- "$1" || exit 1
	echo $$ >job.pid.new && mv job.pid.new job.pid
	sh ./command.sh </dev/null >answer 2>said
	echo $? >code.new && mv code.new code
	;;
poll)
	folder=$1 left=$2
	if ! is_ours "$folder"; then
		echo gone
		exit 0
	fi
	: >"$folder/seen"
	if [ "$(content "$folder/owner")" != "$3" ]; then
		echo taken
		exit 0
	fi
	# One process a second: the board is measuring.
	while [ -d "$folder" ] && [ ! -f "$folder/code" ] && [ "$left" -gt 0 ]; do
		sleep 1
		left=$((left - 1))
	done
	now=$(state "$folder")
	case $now in
	done) echo "done $(content "$folder/code")" ;;
	running) echo "running $(tail -n 1 "$folder/said" 2>/dev/null)" ;;
	*) echo gone ;;
	esac
	;;
answer | said)
	cat -- "$1/$verb"
	;;
drop)
	folder=$place/$prefix$1
	is_ours "$folder" || exit 0
	watch=$(content "$folder/watch.pid")
	is_alive "$watch" "$folder" || watch=
	drop "$folder"
	[ -n "$watch" ] && kill -TERM "-$watch" 2>/dev/null
	:
	;;
watch)
	folder=$1 lease=$2 tick=$3 idle=0
	echo $$ >"$folder/watch.pid.new" && mv "$folder/watch.pid.new" "$folder/watch.pid"
	while [ "$idle" -lt "$lease" ]; do
		sleep "$tick"
		[ -d "$folder" ] || exit 0
		if [ -f "$folder/seen" ]; then
			rm -f -- "$folder/seen"
			idle=0
		else
			idle=$((idle + tick))
		fi
	done
	drop "$folder"
	;;
esac
