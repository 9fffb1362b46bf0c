"""Wires in gdb: `info wires`, `wire N`, `wire apply all`.

    (gdb) source docs/gdb/wire.py
    (gdb) info wires
      Id  Thread  Name      What
    * 1   1       main      waits: end of a scope at 0x7fffffffd9c0
      2   1       reader    waits: channel receive at 0x7fffffffda10
    (gdb) wire 2
    (gdb) wire 2 info locals
    (gdb) wire apply all backtrace 3

It works on live processes and on core files, since it only reads memory: nothing is called in the
program. What lies where it learns from a record in the section `libwire_debug`, which wire-core puts
into every program (crates/wire-core/src/debug.rs). x86-64 Linux, both switch backends; gdb 13 or later.
"""

import re

import gdb
import gdb.unwinder

WORD = 8
VERSION = 1
NATIVE, COROSENSEI = ord("n"), ord("c")


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address):
    return int.from_bytes(read(address, WORD), "little")


def words(address, count):
    data = read(address, count * WORD)
    return [int.from_bytes(data[at : at + WORD], "little") for at in range(0, len(data), WORD)]


class Record:
    """Where things lie: see `Record` in debug.rs, whose words these are, in order."""

    def __init__(self, at):
        rest = iter(words(at + 2 * WORD, 34))

        def take(count):
            return [next(rest) for _ in range(count)]

        (self.size,) = take(1)
        sample = take(2)
        # `&str` is a pointer and a length, in an order that is Rust's business.
        self.pointer, self.length = (0, 1) if sample[1] == 7 else (1, 0)
        self.backend, self.context_layout, self.context_size = take(1)[0], take(4), take(1)[0]
        self.threads, self.most_threads, self.unseen = take(3)
        self.current, self.tail, self.main, self.all = take(4)
        (self.links_next,) = take(1)
        self.context, self.wire_next, self.state, self.details = take(4)
        self.first_blocked, self.suspended_state, self.suspended = take(3)
        self.to_wire, self.to_reason, self.to_name, self.to_low, self.to_packet, self.to_all = take(6)
        (self.details_size,) = take(1)
        self.reason_kind, self.reason_object = take(2)
        (self.kind_name,) = take(1)

    def string(self, at):
        parts = words(at, 2)
        pointer, length = parts[self.pointer], parts[self.length]
        # No name is longer; a dead one may seem to be.
        text = read(pointer, min(length, 200)).decode("utf-8", "replace") if length else ""
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def places():
    """Where records lie, and where the rest of a section ends."""
    found = []
    for line in gdb.execute("info files", to_string=True).splitlines():
        match = re.match(r"\s*0x([0-9a-f]+) - 0x([0-9a-f]+) is libwire_debug\b", line)
        if match:
            found.append(tuple(int(part, 16) for part in match.groups()))
    if not found:
        # gdb shows no sections of a child process that it followed; there may be a symbol.
        for line in gdb.execute("info variables wire_core::debug::RECORD", to_string=True).splitlines():
            match = re.match(r"0x([0-9a-f]+)\s+wire_core::debug::RECORD", line)
            if match:
                at = int(match.group(1), 16)
                found.append((at, at + 3 * WORD))
    return found


def records():
    """All records: one for each version of wire-core in the program and its libraries."""
    found = []
    for at, end in places():
        while at + 3 * WORD <= end:
            try:
                magic, version, size = read(at, WORD), word(at + WORD), word(at + 2 * WORD)
            except gdb.MemoryError:
                raise gdb.GdbError("there is no running program and no core file to look into")
            if magic != b"libwire\0" or size == 0:
                break
            if version == VERSION:
                found.append(Record(at))
            else:
                print(f"A libwire in here has a record of version {version}; this script knows {VERSION}.")
            at += size
    if not found:
        raise gdb.GdbError("there is no libwire (no section libwire_debug) in this program")
    return found


def register(name, frame=None):
    value = (frame or gdb.selected_frame()).read_register(name)
    return int(value.cast(gdb.lookup_type("long"))) & (2**64 - 1)


class Thread:
    """A thread of gdb's, with what it has in its newest frame."""

    def __init__(self, thread):
        thread.switch()
        gdb.newest_frame().select()
        self.gdb = thread
        self.number = thread.num
        self.sp = register("rsp")
        self.base = register("fs_base")


def threads():
    selected, frame = gdb.selected_thread(), None
    if selected is None:
        raise gdb.GdbError("there is no running program and no core file to look into")
    frame = gdb.selected_frame()
    try:
        return [Thread(each) for each in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num)]
    finally:
        selected.switch()
        frame.select()


class Wire:
    """One wire, as far as memory tells."""

    def __init__(self, record, thread, control_block):
        self.record, self.thread, self.at = record, thread, control_block
        self.details = word(control_block + record.details)
        self.name = record.string(self.details + record.to_name)
        self.low = word(self.details + record.to_low)
        self.high = self.details + record.details_size if self.low else 0
        self.state = read(control_block + record.state, 1)[0]
        self.running = False

    def is_main(self):
        return self.low == 0

    def holds(self, address):
        return self.low <= address < self.high

    def what(self):
        if self.running:
            return "runs"
        if self.state < self.record.first_blocked:
            return "is ready" if self.registers() else "is ready, has not run yet"
        record = self.record
        if self.state == record.suspended_state:
            # It keeps no reason, which would always be the same.
            return "waits: " + record.string(record.suspended + record.kind_name)
        kind, thing = (
            word(self.details + record.to_reason + offset)
            for offset in (record.reason_kind, record.reason_object)
        )
        name = record.string(kind + record.kind_name)
        return f"waits: {name} at {thing:#x}" if thing else f"waits: {name}"

    def registers(self):
        """rip, rsp, rbx, rbp of a wire that is stopped; None if it has not run yet."""
        record = self.record
        context = self.at + record.context
        if record.backend == NATIVE:
            sp, pc, rbx, rbp = (word(context + offset) for offset in record.context_layout)
            if not self.is_main() and sp == word(self.details + record.to_packet):
                return None
            return {"rip": pc, "rsp": sp, "rbx": rbx, "rbp": rbp}
        if self.is_main():
            # The running wire knows where the thread's own stack was left.
            running = self.thread.running
            yielder = word(running.at + record.context + record.context_layout[1])
            place = word(yielder)
            rbp, rip, rbx = words(place, 3)
        else:
            if word(context + record.context_layout[0]) == word(self.details + record.to_packet):
                return None
            kept = [each for each in words(context, record.context_size // WORD) if self.low < each < self.high]
            place = min(kept)
            rip, rbx, rbp = words(place, 3)
        return {"rip": rip, "rsp": place + 3 * WORD, "rbx": rbx, "rbp": rbp}


class Scheduler:
    """The wires of one OS thread. Also what `Wire.thread` is."""

    def __init__(self, record, at, thread):
        self.record, self.thread, self.broken = record, thread, None
        self.wires, self.running = [], None
        seen = set()

        def add(control_block):
            if control_block and control_block not in seen:
                seen.add(control_block)
                self.wires.append(Wire(record, self, control_block))

        current = word(at + record.current)
        try:
            add(word(at + record.main))
            # Those that have waited: a list with a head, through Details.
            head = at + record.all
            links = word(head + record.links_next)
            met = set()
            while links not in (0, head) and links not in met:
                met.add(links)
                add(word(links - record.to_all + record.to_wire))
                links = word(links + record.links_next)
            # Those that are ready: a ring, through Wire.
            tail = word(at + record.tail)
            ready, met = tail, set()
            while ready and ready not in met:
                met.add(ready)
                ready = word(ready + record.wire_next)
                add(ready)
        except gdb.MemoryError as error:
            self.broken = str(error)
        by_stack = [wire for wire in self.wires if wire.holds(thread.sp)]
        by_word = [wire for wire in self.wires if wire.at == current]
        for wire in (by_stack or by_word or self.wires)[:1]:
            wire.running = True
            self.running = wire


def schedulers():
    """All that are inside `run()`, by thread. Says what could not be read."""
    all_threads = threads()
    found = []
    for record in records():
        unseen = word(record.unseen)
        if unseen:
            print(f"{unseen} more threads run wires and are not listed.")
        for at in words(record.threads, record.most_threads):
            if at:
                # Thread-local storage lies right below what fs_base points to.
                above = [thread for thread in all_threads if thread.base >= at]
                if not above:
                    print(f"The thread of the scheduler at {at:#x} is unknown.")
                    continue
                found.append(Scheduler(record, at, min(above, key=lambda thread: thread.base)))
    found.sort(key=lambda scheduler: scheduler.thread.number)
    for scheduler in found:
        if scheduler.broken:
            print(f"The list of wires of thread {scheduler.thread.number} is broken: {scheduler.broken}")
    return found


def all_wires():
    return [wire for scheduler in schedulers() for wire in scheduler.wires]


class Elsewhere(gdb.unwinder.Unwinder):
    """Makes the caller of the thread's newest frame the wire that is looked at."""

    class FrameId:
        def __init__(self, sp, pc):
            self.sp, self.pc = sp, pc

    def __init__(self):
        super().__init__("libwire")
        self.registers = None

    def __call__(self, pending):
        if self.registers is None:
            return None
        sp, pc = (register(name, pending) for name in ("rsp", "rip"))
        if (sp, pc) != self.newest:
            return None
        # Deeper than the frames of the wire, or gdb takes the stack for a broken one.
        unwound = pending.create_unwind_info(self.FrameId(gdb.Value(self.registers["rsp"] - 16), gdb.Value(pc)))
        for name, value in self.registers.items():
            unwound.add_saved_register(name, gdb.Value(value).cast(gdb.lookup_type("unsigned long")))
        return unwound

    def enter(self, registers):
        self.newest = (register("rsp"), register("rip"))
        self.registers = registers
        gdb.invalidate_cached_frames()

    def leave(self):
        self.registers = None
        gdb.invalidate_cached_frames()


class OwnFrames:
    """Shows the frames of the wire that is looked at, and no others."""

    def __init__(self):
        self.name, self.priority, self.enabled = "libwire", 1, True
        self.wire, self.skip = None, False
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        if self.wire is None:
            return frames
        return self.own(frames)

    def own(self, frames):
        for frame in frames:
            sp = register("rsp", frame.inferior_frame())
            newest = sp == self.wire.thread.thread.sp
            if newest and self.skip:
                continue
            # The newest may be a handler's, on a stack of its own.
            if not newest and not self.wire.is_main() and not self.wire.low <= sp <= self.wire.high:
                return
            yield frame


elsewhere = Elsewhere()
own_frames = OwnFrames()
gdb.unwinder.register_unwinder(None, elsewhere, True)


def look_at(wire, command):
    """Runs a command of gdb's as if `wire` were the selected thread, stopped where the wire is."""
    thread, frame = gdb.selected_thread(), gdb.selected_frame()
    registers = None if wire.running else wire.registers()
    if not wire.running and registers is None:
        print("It has not run yet.")
        return
    try:
        wire.thread.thread.gdb.switch()
        gdb.newest_frame().select()
        own_frames.wire, own_frames.skip = wire, not wire.running
        if registers:
            elsewhere.enter(registers)
            older = gdb.newest_frame()
            # Inlined functions are frames, too: the newest one may be several.
            while older is not None and register("rsp", older) != registers["rsp"]:
                older = older.older()
            if older is None:
                raise gdb.GdbError("its frames cannot be unwound")
            older.select()
        gdb.execute(command)
    finally:
        own_frames.wire = None
        elsewhere.leave()
        thread.switch()
        if frame.is_valid():
            frame.select()


class InfoWires(gdb.Command):
    """List all wires: the thread they are of, their names and what they do.

Marked are those that run. `wire ID` shows the frames of one."""

    def __init__(self):
        super().__init__("info wires", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        wires = all_wires()
        width = max([len(wire.name) for wire in wires] + [4])
        print(f"  {'Id':<3} {'Thread':<6}  {'Name':<{width}}  What")
        for number, wire in enumerate(wires, 1):
            mark = "*" if wire.running else " "
            print(f"{mark} {number:<3} {wire.thread.thread.number:<6}  {wire.name:<{width}}  {wire.what()}")


class LookAtWire(gdb.Command):
    """Run a command where a wire is stopped: wire ID-OR-NAME [COMMAND]

Without a command, `backtrace`. Frames begin with 1, since frame 0 stays that of
the thread. `info wires` has the numbers; they change as wires come and go."""

    def __init__(self):
        super().__init__("wire", gdb.COMMAND_STACK, prefix=True)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(" ")
        if not which:
            raise gdb.GdbError("which wire? `info wires` lists them")
        wires = all_wires()
        if which.isdigit():
            chosen = wires[int(which) - 1 : int(which)] if int(which) else []
        else:
            chosen = [wire for wire in wires if wire.name == which]
        if not chosen:
            raise gdb.GdbError(f"there is no wire {which}; `info wires` lists them")
        if len(chosen) > 1:
            raise gdb.GdbError(f"{len(chosen)} wires are named {which}; use a number of `info wires`")
        look_at(chosen[0], command.strip() or "backtrace")


class ApplyToWires(gdb.Command):
    """Run a command where each wire is stopped: wire apply all [COMMAND]

Without a command, `backtrace`."""

    def __init__(self):
        super().__init__("wire apply", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(" ")
        if which != "all":
            raise gdb.GdbError("wire apply all [COMMAND]")
        for number, wire in enumerate(all_wires(), 1):
            print(f"\nWire {number} ({wire.name}), {wire.what()}")
            try:
                look_at(wire, command.strip() or "backtrace")
            except gdb.error as error:
                print(error)


InfoWires()
LookAtWire()
ApplyToWires()
