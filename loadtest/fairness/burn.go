package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"bulkhead/internal/wait"
)

// burnBeside lets another process use so many CPUs until the context ends. Like a process of
// the cluster it has a session, and so a scheduler's group, of its own.
func burnBeside(ctx context.Context, cpus float64) {
	if cpus > 0 {
		self, _ := os.Executable()
		c := exec.CommandContext(ctx, self, "-burn", fmt.Sprint(cpus))
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
		_ = c.Run() // it is killed
	}
	<-ctx.Done()
}

// burn uses so many CPUs, with a thread for each of the machine's, until the process is
// ended, and for five minutes at most. A thread that did not get its share catches up.
func burn(cpus float64) {
	each := cpus / float64(runtime.NumCPU())
	var threads sync.WaitGroup
	for range runtime.NumCPU() {
		threads.Go(func() {
			runtime.LockOSThread()
			for begun := time.Now(); time.Since(begun) < 5*time.Minute; {
				if threadCPU() >= time.Duration(each*float64(time.Since(begun))) {
					_ = wait.For(context.Background(), 2*time.Millisecond)
				}
			}
		})
	}
	threads.Wait()
}

// threadCPU is what the calling thread has used.
func threadCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
