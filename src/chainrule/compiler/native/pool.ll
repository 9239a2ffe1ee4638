; The threads that compiled programs share, and the way in which signals are attended to.
;
; A region is a task, a context for it and a number of chunks: task(context, 0), task(context, 1)
; and so on, in any order and by any thread. The program's own thread hands a region out and works
; on it like the others; one that finds the pool taken runs its region alone. Threads take chunks
; from a counter, so one that comes late, or not at all, holds up nothing.
;
; What waits spins for a while, so that the regions of one program follow each other at once, and
; then goes to sleep on a lock of its own. A thread that wants to sleep says so, looks for work once
; more, and only then sleeps; who publishes work looks for sleepers afterwards. Both in this order,
; and sequentially consistent, so that either sees the other.
;
; `threads.py` puts in front of this text: @pause, which tells the CPU that a loop spins;
; @this_thread, which returns Python's number of the thread; @worth_waking, the estimate of work that
; is worth waking a sleeping thread for; and @between_looks, that of what is done between two looks
; for signals. All else that depends on the platform is CPython's: its threads, its locks and its
; signals.

declare ptr @PyThread_allocate_lock()
declare i32 @PyThread_acquire_lock(ptr, i32)
declare void @PyThread_release_lock(ptr)
declare i64 @PyThread_start_new_thread(ptr, ptr)
declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare i32 @PyErr_CheckSignals()

; The region being run. The ticket has the region's number in its upper half and how many chunks
; have not been taken yet in its lower: taking one succeeds only if no other region has begun.
@ticket = internal global i64 0, align 64
@task = internal global ptr null, align 64
@context = internal global ptr null
@chunks = internal global i64 0
@done = internal global i64 0, align 64
@taken = internal global i32 0, align 64

; How much work short regions still do alone, how much it was to be in the first place, and whether
; anybody has helped since threads were woken for a program.
@reluctance = internal global i64 0, align 64
@doubt = internal global i64 0
@helped = internal global i32 1

; Thread 0 is the one that hands out a region; the others are ours, from 1 on. There is room for
; `chainrule._threads.MOST_THREADS`.
%Thread = type { i32, ptr, [48 x i8] }
@threads = internal global [256 x %Thread] zeroinitializer, align 64
@started = internal global i64 0
@most = internal global i64 255

; Set once, by Python.
@limit = internal global ptr null
@spins = internal global i64 0
@main_thread = internal global i64 0

; ---- sleeping -----------------------------------------------------------------------------------

; Wake a thread if it sleeps or is about to.
define internal void @rouse(i64 %number) {
  %asleep = getelementptr [256 x %Thread], ptr @threads, i64 0, i64 %number, i32 0
  %state = load atomic i32, ptr %asleep seq_cst, align 4
  %sleeps = icmp ne i32 %state, 0
  br i1 %sleeps, label %try, label %return
try:
  %pair = cmpxchg ptr %asleep, i32 1, i32 0 seq_cst seq_cst
  %mine = extractvalue { i32, i1 } %pair, 1
  br i1 %mine, label %wake, label %return
wake:
  %place = getelementptr [256 x %Thread], ptr @threads, i64 0, i64 %number, i32 1
  %lock = load ptr, ptr %place
  call void @PyThread_release_lock(ptr %lock)
  br label %return
return:
  ret void
}

define internal void @say_asleep(i64 %number) {
  %asleep = getelementptr [256 x %Thread], ptr @threads, i64 0, i64 %number, i32 0
  store atomic i32 1, ptr %asleep seq_cst, align 4
  fence seq_cst
  ret void
}

; Sleep until roused, after having said so.
define internal void @sleep(i64 %number) {
  %place = getelementptr [256 x %Thread], ptr @threads, i64 0, i64 %number, i32 1
  %lock = load ptr, ptr %place
  %ignored = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  ret void
}

; Give a thread the lock on which it sleeps: a new one, taken.
define internal void @make_bed(i64 %number) {
  %place = getelementptr [256 x %Thread], ptr @threads, i64 0, i64 %number, i32 1
  %lock = call ptr @PyThread_allocate_lock()
  %ignored = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  store ptr %lock, ptr %place
  ret void
}

; Wake as many threads as wanted, or start them, within the limit. Only for who holds the pool.
define internal void @gather(i64 %wanted) {
entry:
  %place = load ptr, ptr @limit
  %limit = load atomic i64, ptr %place monotonic, align 8
  %allowed = sub i64 %limit, 1
  %most = load i64, ptr @most
  %a = call i64 @llvm.umin.i64(i64 %wanted, i64 %allowed)
  %count = call i64 @llvm.umin.i64(i64 %a, i64 %most)
  br label %next
next:
  %before = phi i64 [ 0, %entry ], [ %number, %awake ]
  %number = add i64 %before, 1
  %over = icmp ugt i64 %number, %count
  br i1 %over, label %return, label %one
one:
  %started = load i64, ptr @started
  %is_there = icmp ule i64 %number, %started
  br i1 %is_there, label %wake, label %start
wake:
  call void @rouse(i64 %number)
  br label %awake
start:
  %is_first = icmp eq i64 %started, 0
  br i1 %is_first, label %own, label %other
own:
  call void @make_bed(i64 0)
  br label %other
other:
  call void @make_bed(i64 %number)
  %argument = inttoptr i64 %number to ptr
  %identity = call i64 @PyThread_start_new_thread(ptr @live, ptr %argument)
  %low = trunc i64 %identity to i32
  %failed = icmp eq i32 %low, -1
  br i1 %failed, label %refuse, label %count_it
refuse:
  store i64 %started, ptr @most
  ret void
count_it:
  store i64 %number, ptr @started
  br label %awake
awake:
  br label %next
return:
  ret void
}

declare i64 @llvm.umin.i64(i64, i64)

; ---- working ------------------------------------------------------------------------------------

; Take a chunk and run it; return whether there was one.
define internal i1 @work() {
entry:
  br label %try
try:
  %ticket = load atomic i64, ptr @ticket acquire, align 8
  %left = and i64 %ticket, 4294967295
  %none = icmp eq i64 %left, 0
  br i1 %none, label %idle, label %take
take:
  ; While chunks are left these stay as they are; if none are left by now, the exchange fails.
  %task = load atomic ptr, ptr @task monotonic, align 8
  %context = load atomic ptr, ptr @context monotonic, align 8
  %chunks = load atomic i64, ptr @chunks monotonic, align 8
  %less = sub i64 %ticket, 1
  %pair = cmpxchg ptr @ticket, i64 %ticket, i64 %less acq_rel monotonic
  %mine = extractvalue { i64, i1 } %pair, 1
  br i1 %mine, label %run, label %try
run:
  %chunk = sub i64 %chunks, %left
  call void %task(ptr %context, i64 %chunk)
  %before = atomicrmw add ptr @done, i64 1 seq_cst
  %done = add i64 %before, 1
  %last = icmp eq i64 %done, %chunks
  br i1 %last, label %tell, label %worked
tell:
  call void @rouse(i64 0)
  br label %worked
worked:
  ret i1 true
idle:
  ret i1 false
}

; Whether there is a chunk to take, and the thread may.
define internal i1 @is_wanted(i64 %number) {
  %place = load ptr, ptr @limit
  %limit = load atomic i64, ptr %place monotonic, align 8
  %allowed = icmp ult i64 %number, %limit
  %ticket = load atomic i64, ptr @ticket seq_cst, align 8
  %left = and i64 %ticket, 4294967295
  %some = icmp ne i64 %left, 0
  %both = and i1 %allowed, %some
  ret i1 %both
}

; Where more threads want to run than there are cores, one is stopped in the middle of a chunk now and
; then, for milliseconds that whoever waits for the chunk loses; and those woken come too late. After
; that has happened, short regions are not handed out for a while: for some work done alone.
define internal void @be_reluctant(i64 %work) {
  store atomic i64 %work, ptr @reluctance monotonic, align 8
  ret void
}

; Whether nobody has helped since some were woken for the program before. Then it is not worth waking
; them again soon: each time this is so, twice as much work is done alone.
define internal i1 @was_in_vain() {
  %helped = load atomic i32, ptr @helped monotonic, align 4
  %in_vain = icmp eq i32 %helped, 0
  %before = load i64, ptr @doubt
  %twice = add i64 %before, %before
  %more = add i64 %twice, 1000000
  %limited = call i64 @llvm.umin.i64(i64 %more, i64 50000000)
  %next = select i1 %in_vain, i64 %limited, i64 0
  store i64 %next, ptr @doubt
  %helped_next = zext i1 %in_vain to i32
  store atomic i32 %helped_next, ptr @helped monotonic, align 4
  br i1 %in_vain, label %wait, label %return
wait:
  call void @be_reluctant(i64 %next)
  br label %return
return:
  ret i1 %in_vain
}

; Whether to run a region alone, although others could help. Long ones are always handed out.
define internal i1 @is_reluctant(i64 %work) {
  %rest = load atomic i64, ptr @reluctance monotonic, align 8
  %afraid = icmp sgt i64 %rest, 0
  %short = icmp ult i64 %work, 1000000
  %both = and i1 %afraid, %short
  br i1 %both, label %count, label %return
count:
  %less = sub i64 %rest, %work
  store atomic i64 %less, ptr @reluctance monotonic, align 8
  br label %return
return:
  ret i1 %both
}

; The life of one of our threads.
define internal void @live(ptr %argument) {
entry:
  %number = ptrtoint ptr %argument to i64
  br label %look
look:
  %spun = phi i64 [ 0, %entry ], [ 0, %help ], [ %more, %spin ], [ 0, %rest ]
  %wanted = call i1 @is_wanted(i64 %number)
  br i1 %wanted, label %help, label %wait
help:
  %ignored = call i1 @work()
  store atomic i32 1, ptr @helped monotonic, align 4
  br label %look
wait:
  %spins = load i64, ptr @spins
  %tired = icmp uge i64 %spun, %spins
  br i1 %tired, label %lie_down, label %spin
spin:
  call void @pause()
  %more = add i64 %spun, 1
  br label %look
lie_down:
  call void @say_asleep(i64 %number)
  %late = call i1 @is_wanted(i64 %number)
  br i1 %late, label %get_up, label %rest
get_up:
  call void @rouse(i64 %number)
  br label %rest
rest:
  call void @sleep(i64 %number)
  br label %look
}

; ---- what programs call -------------------------------------------------------------------------

; Count work against the budget; when it is spent, look for signals. Return whether to stop.
define internal i1 @spend(ptr %budget, i64 %work) alwaysinline {
  %before = load i64, ptr %budget
  %after = sub i64 %before, %work
  store i64 %after, ptr %budget
  %spent = icmp slt i64 %after, 0
  br i1 %spent, label %look, label %return
look:
  %stop = call i1 @chainrule.pool.look_for_signals(ptr %budget)
  ret i1 %stop
return:
  ret i1 false
}

; Let Python handle the signals that have come. If a handler raises, return true; Python keeps what
; it raised with the thread, for the call of the program to fail with. Only the main thread handles
; signals, so others do not wait for the interpreter's lock.
define i1 @chainrule.pool.look_for_signals(ptr %budget) noinline {
  %full = load i64, ptr @between_looks
  store i64 %full, ptr %budget
  %thread = call i64 @this_thread()
  %main = load i64, ptr @main_thread
  %is_main = icmp eq i64 %thread, %main
  br i1 %is_main, label %look, label %go_on
look:
  %state = call i32 @PyGILState_Ensure()
  %status = call i32 @PyErr_CheckSignals()
  call void @PyGILState_Release(i32 %state)
  %stop = icmp ne i32 %status, 0
  ret i1 %stop
go_on:
  ret i1 false
}

; Run the chunks one after the other; return whether to stop.
define i1 @chainrule.pool.in_order(ptr %task, ptr %context, i64 %chunks, i64 %work, ptr %budget) {
entry:
  br label %next
next:
  %chunk = phi i64 [ 0, %entry ], [ %following, %on ]
  call void %task(ptr %context, i64 %chunk)
  %stop = call i1 @spend(ptr %budget, i64 %work)
  br i1 %stop, label %return, label %on
on:
  %following = add i64 %chunk, 1
  %more = icmp ult i64 %following, %chunks
  br i1 %more, label %next, label %return
return:
  ret i1 %stop
}

; Run the chunks on all threads; return whether to stop. Work is an estimate for one chunk.
define i1 @chainrule.pool.in_parallel(ptr %task, ptr %context, i64 %chunks, i64 %work, ptr %budget) {
entry:
  %place = load ptr, ptr @limit
  %limit = load atomic i64, ptr %place monotonic, align 8
  %alone = icmp ult i64 %limit, 2
  br i1 %alone, label %by_itself, label %dare
dare:
  %total = mul i64 %chunks, %work
  %reluctant = call i1 @is_reluctant(i64 %total)
  br i1 %reluctant, label %by_itself, label %try
try:
  %pair = cmpxchg ptr @taken, i32 0, i32 1 acquire monotonic
  %mine = extractvalue { i32, i1 } %pair, 1
  br i1 %mine, label %publish, label %by_itself
by_itself:
  %result = call i1 @chainrule.pool.in_order(ptr %task, ptr %context, i64 %chunks, i64 %work, ptr %budget)
  ret i1 %result
publish:
  store atomic ptr %task, ptr @task monotonic, align 8
  store atomic ptr %context, ptr @context monotonic, align 8
  store atomic i64 %chunks, ptr @chunks monotonic, align 8
  store atomic i64 0, ptr @done monotonic, align 8
  %last = load atomic i64, ptr @ticket monotonic, align 8
  %region = lshr i64 %last, 32
  %new = add i64 %region, 1
  %upper = shl i64 %new, 32
  %ticket = or i64 %upper, %chunks
  store atomic i64 %ticket, ptr @ticket seq_cst, align 8
  fence seq_cst
  %worth = load i64, ptr @worth_waking
  %useful = udiv i64 %total, %worth
  %others = sub i64 %chunks, 1
  %wanted = call i64 @llvm.umin.i64(i64 %useful, i64 %others)
  %any = icmp ne i64 %wanted, 0
  br i1 %any, label %call, label %help
call:
  call void @gather(i64 %wanted)
  br label %help
help:
  %worked = call i1 @work()
  br i1 %worked, label %count, label %wait
count:
  %stop = call i1 @spend(ptr %budget, i64 %work)
  br i1 %stop, label %cancel, label %help
cancel:
  ; Take all chunks that are left, and run none of them.
  %seen = load atomic i64, ptr @ticket monotonic, align 8
  %left = and i64 %seen, 4294967295
  %none = sub i64 %seen, %left
  %swap = cmpxchg ptr @ticket, i64 %seen, i64 %none acq_rel monotonic
  %cancelled = extractvalue { i64, i1 } %swap, 1
  br i1 %cancelled, label %skip, label %cancel
skip:
  %ignored = atomicrmw add ptr @done, i64 %left seq_cst
  br label %wait
wait:
  %stopped = phi i1 [ false, %help ], [ true, %skip ], [ %stopped, %spin ], [ %stopped, %rest ]
  %spun = phi i64 [ 0, %help ], [ 0, %skip ], [ %more, %spin ], [ 0, %rest ]
  %done = load atomic i64, ptr @done seq_cst, align 8
  %finished = icmp eq i64 %done, %chunks
  br i1 %finished, label %return, label %patience
patience:
  %spins = load i64, ptr @spins
  %longer = mul i64 %spins, 4
  %tired = icmp uge i64 %spun, %longer
  br i1 %tired, label %lie_down, label %spin
spin:
  call void @pause()
  %more = add i64 %spun, 1
  br label %wait
lie_down:
  call void @be_reluctant(i64 50000000)
  call void @say_asleep(i64 0)
  %now = load atomic i64, ptr @done seq_cst, align 8
  %late = icmp eq i64 %now, %chunks
  br i1 %late, label %get_up, label %rest
get_up:
  call void @rouse(i64 0)
  br label %rest
rest:
  call void @sleep(i64 0)
  br label %wait
return:
  store atomic i32 0, ptr @taken release, align 4
  ret i1 %stopped
}

; Wake the threads that a program with many short regions is going to want.
define void @chainrule.pool.get_ready(i64 %wanted) {
  %place = load ptr, ptr @limit
  %limit = load atomic i64, ptr %place monotonic, align 8
  %alone = icmp ult i64 %limit, 2
  %rest = load atomic i64, ptr @reluctance monotonic, align 8
  %afraid = icmp sgt i64 %rest, 0
  %neither = or i1 %alone, %afraid
  br i1 %neither, label %return, label %try
try:
  %pair = cmpxchg ptr @taken, i32 0, i32 1 acquire monotonic
  %mine = extractvalue { i32, i1 } %pair, 1
  br i1 %mine, label %remember, label %return
remember:
  %in_vain = call i1 @was_in_vain()
  br i1 %in_vain, label %release, label %call
call:
  call void @gather(i64 %wanted)
  br label %release
release:
  store atomic i32 0, ptr @taken release, align 4
  br label %return
return:
  ret void
}

; ---- BLAS ---------------------------------------------------------------------------------------

; SciPy's BLAS has threads of its own, and what it computes depends on how many. So it has one while
; some program calls it, and afterwards as many as it had before.
@blas_lock = internal global i32 0, align 64
@blas_users = internal global i64 0
@blas_threads = internal global i32 0
@get_blas_threads = internal global ptr null
@set_blas_threads = internal global ptr null

define void @chainrule.pool.hold_blas() {
  %get = load ptr, ptr @get_blas_threads
  %unknown = icmp eq ptr %get, null
  br i1 %unknown, label %return, label %lock
lock:
  call void @lock_blas()
  %before = load i64, ptr @blas_users
  %users = add i64 %before, 1
  store i64 %users, ptr @blas_users
  %first = icmp eq i64 %before, 0
  br i1 %first, label %set, label %unlock
set:
  %threads = call i32 %get()
  store i32 %threads, ptr @blas_threads
  %set_threads = load ptr, ptr @set_blas_threads
  call void %set_threads(i32 1)
  br label %unlock
unlock:
  store atomic i32 0, ptr @blas_lock release, align 4
  br label %return
return:
  ret void
}

define void @chainrule.pool.release_blas() {
  %set_threads = load ptr, ptr @set_blas_threads
  %unknown = icmp eq ptr %set_threads, null
  br i1 %unknown, label %return, label %lock
lock:
  call void @lock_blas()
  %before = load i64, ptr @blas_users
  %users = sub i64 %before, 1
  store i64 %users, ptr @blas_users
  %last = icmp eq i64 %users, 0
  br i1 %last, label %set, label %unlock
set:
  %threads = load i32, ptr @blas_threads
  call void %set_threads(i32 %threads)
  br label %unlock
unlock:
  store atomic i32 0, ptr @blas_lock release, align 4
  br label %return
return:
  ret void
}

define internal void @lock_blas() {
entry:
  br label %try
try:
  %pair = cmpxchg ptr @blas_lock, i32 0, i32 1 acquire monotonic
  %mine = extractvalue { i32, i1 } %pair, 1
  br i1 %mine, label %return, label %wait
wait:
  call void @pause()
  br label %try
return:
  ret void
}

; ---- what Python calls --------------------------------------------------------------------------

define void @chainrule.pool.set_up(ptr %limit, i64 %main_thread, i64 %spins) {
  store ptr %limit, ptr @limit
  store i64 %main_thread, ptr @main_thread
  store i64 %spins, ptr @spins
  ret void
}

define void @chainrule.pool.control_blas(ptr %get, ptr %set) {
  store ptr %get, ptr @get_blas_threads
  store ptr %set, ptr @set_blas_threads
  ret void
}

; After a fork there is only the thread that forked, which has neither taken the pool nor holds BLAS.
define void @chainrule.pool.forget_threads(i64 %main_thread) {
entry:
  store i64 %main_thread, ptr @main_thread
  store i64 0, ptr @started
  store i64 255, ptr @most
  store i32 0, ptr @taken
  %ticket = load i64, ptr @ticket
  %none = and i64 %ticket, -4294967296
  store i64 %none, ptr @ticket
  br label %next
next:
  %number = phi i64 [ 0, %entry ], [ %following, %next ]
  %asleep = getelementptr [256 x %Thread], ptr @threads, i64 0, i64 %number, i32 0
  store i32 0, ptr %asleep
  %following = add i64 %number, 1
  %more = icmp ult i64 %following, 256
  br i1 %more, label %next, label %blas
blas:
  store i32 0, ptr @blas_lock
  %users = load i64, ptr @blas_users
  store i64 0, ptr @blas_users
  %was_held = icmp ne i64 %users, 0
  br i1 %was_held, label %set, label %return
set:
  %set_threads = load ptr, ptr @set_blas_threads
  %threads = load i32, ptr @blas_threads
  call void %set_threads(i32 %threads)
  br label %return
return:
  ret void
}

; Spin, for the time it takes to be measured.
define void @chainrule.pool.spin(i64 %times) {
entry:
  br label %next
next:
  %number = phi i64 [ 0, %entry ], [ %following, %next ]
  call void @pause()
  %following = add i64 %number, 1
  %more = icmp ult i64 %following, %times
  br i1 %more, label %next, label %return
return:
  ret void
}
