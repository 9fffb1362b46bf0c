// The echo server of `cargo xtask bench net` in Go: a goroutine for each connection.
//
// Called with the number of connections, of requests that warm up and of requests that count. Prints its
// address, and when all connections have ended: requests, nanoseconds of processor time, nanoseconds, 0.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	done, first, last  uint64
	cpuBegin, cpuEnd   int64
	wallBegin, wallEnd time.Time
)

func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func note() {
	switch atomic.AddUint64(&done, 1) {
	case first:
		cpuBegin, wallBegin = cpu(), time.Now()
	case last:
		cpuEnd, wallEnd = cpu(), time.Now()
	}
}

func talk(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 512)
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return // the client went away, as it does in the end
		}
		note()
		if _, err := connection.Write(buffer[:count]); err != nil {
			return
		}
	}
}

func number(index int) uint64 {
	value, err := strconv.ParseUint(os.Args[index], 10, 64)
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	connections, warmUp, operations := number(1), number(2), number(3)
	first, last = warmUp, warmUp+operations
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	var all sync.WaitGroup
	for ; connections > 0; connections-- {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		all.Add(1)
		go func() {
			defer all.Done()
			talk(connection)
		}()
	}
	all.Wait()
	if done < last {
		panic("fewer requests than announced")
	}
	fmt.Println(operations, cpuEnd-cpuBegin, wallEnd.Sub(wallBegin).Nanoseconds(), 0)
}
