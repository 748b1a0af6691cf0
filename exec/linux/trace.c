// SPDX-License-Identifier: MIT
// strace-like lines for processes whose trace is on: name(arguments) = result. Arguments are
// decoded as abi/linux/syscall.def says.
#include "linux_impl.h"

constexpr size_t LINE_BYTES = 320;
constexpr size_t STRING_BYTES = 64;

const char *linux_errno_name(i64 err) {
    switch (err) {
#define ERR(name, value, text)                                                                     \
    case -(value):                                                                                 \
        return "E" #name;
#define ERR_OWN(name, value, parent, text)
#include <abi/errors.def>
#undef ERR
#undef ERR_OWN
    default:
        return nullptr;
    }
}

static void put_string(struct text *t, u64 va) {
    char s[STRING_BYTES];
    size_t len = 0;
    if (va == 0) {
        text_add(t, "NULL");
        return;
    }
    err_t err = copy_in_string(s, sizeof(s), user(va), &len);
    if (err == ERR_NAMETOOLONG && copy_in(s, user(va), sizeof(s) - 1) == ERR_OK) {
        s[sizeof(s) - 1] = 0;
    } else if (err != ERR_OK) {
        text_printf(t, "0x%lx", va);
        return;
    }
    text_put(t, '"');
    for (const char *c = s; *c != 0; c++) {
        if (*c == '\n') {
            text_add(t, "\\n");
        } else if (*c == '"' || *c == '\\') {
            text_put(t, '\\');
            text_put(t, *c);
        } else if ((u8)*c < 32) {
            text_printf(t, "\\%o", (u32)(u8)*c);
        } else {
            text_put(t, *c);
        }
    }
    text_add(t, err == ERR_OK ? "\"" : "\"...");
}

static void put_open_flags(struct text *t, u64 flags) {
    static const struct {
        u32 bit;
        const char *name;
    } names[] = {{O_CREAT, "O_CREAT"},         {O_EXCL, "O_EXCL"},
                 {O_NOCTTY, "O_NOCTTY"},       {O_TRUNC, "O_TRUNC"},
                 {O_APPEND, "O_APPEND"},       {O_NONBLOCK, "O_NONBLOCK"},
                 {O_DIRECTORY, "O_DIRECTORY"}, {O_NOFOLLOW, "O_NOFOLLOW"},
                 {O_CLOEXEC, "O_CLOEXEC"},     {O_PATH, "O_PATH"}};
    static const char *const access[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    text_add(t, access[flags & 3]);
    u64 rest = flags & ~(u64)3;
    for (size_t i = 0; i < countof(names); i++) {
        if (rest & names[i].bit) {
            text_printf(t, "|%s", names[i].name);
            rest &= ~(u64)names[i].bit;
        }
    }
    if (rest != 0) {
        text_printf(t, "|0%lo", rest);
    }
}

static void put_argument(struct text *t, char letter, u64 v) {
    switch (letter) {
    case 'd':
    case 'g':
        text_printf(t, "%d", (i32)v);
        break;
    case 'f':
        if ((i32)v == LINUX_AT_FDCWD) {
            text_add(t, "AT_FDCWD");
        } else {
            text_printf(t, "%d", (i32)v);
        }
        break;
    case 'u':
        text_printf(t, "%lu", v);
        break;
    case 'o':
        text_printf(t, "0%o", (u32)v);
        break;
    case 's':
        put_string(t, v);
        break;
    case 'F':
        put_open_flags(t, (u32)v);
        break;
    default:
        if (v == 0 && letter == 'p') {
            text_add(t, "NULL");
        } else {
            text_printf(t, "0x%lx", v);
        }
    }
}

static void put_call(struct text *t, const struct trap_frame *f, u64 nr) {
    const u64 args[6] = {arg0(f), arg1(f), arg2(f), arg3(f), arg4(f), arg5(f)};
    const char *name = linux_call_name(nr), *letters = linux_call_args(nr);
    if (name == nullptr) {
        text_printf(t, "syscall_%lu(", nr);
        letters = "xxx";
    } else {
        text_printf(t, "%s(", name);
    }
    for (u32 i = 0; letters[i] != 0 && i < 6; i++) {
        text_add(t, i == 0 ? "" : ", ");
        put_argument(t, letters[i], args[i]);
    }
    text_put(t, ')');
}

static void put_result(struct text *t, i64 result) {
    const char *name = result < 0 && result > -5000 ? linux_errno_name(result) : nullptr;
    if (name != nullptr) {
        text_printf(t, " = %ld %s\n", result <= -512 ? (i64)-1 : -1, name);
    } else if (result > 0xffffff) {
        text_printf(t, " = 0x%lx\n", (u64)result);
    } else {
        text_printf(t, " = %ld\n", result);
    }
}

void linux_traced(struct trap_frame *f, linux_handler *h, u64 nr, i64 *result) {
    struct process *p = process_current();
    char *line = nullptr;
    struct text t;
    if (heap_alloc(LINE_BYTES, (void **)&line) == ERR_OK) {
        text_init(&t, line, LINE_BYTES);
        text_printf(&t, "%u ", user_thread_current()->tid);
        put_call(&t, f, nr);
        if (nr == 60 || nr == 231) { // exit, exit_group do not come back
            text_add(&t, " = ?\n");
            trace_line(p, line, t.len);
            heap_free(&line);
        }
    }
    if (h == nullptr) {
        linux_unknown(nr);
    }
    *result = h == nullptr ? ERR_NOSYS : h(f);
    if (line != nullptr) {
        if (t.len > LINE_BYTES - 40) {
            t.len = LINE_BYTES - 40;
            t.buf[t.len] = 0;
        }
        put_result(&t, *result);
        trace_line(p, line, t.len);
        heap_free(&line);
    }
}
