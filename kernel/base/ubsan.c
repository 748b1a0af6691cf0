// SPDX-License-Identifier: MIT
// What -fsanitize=undefined calls in debug kernels: each finding is a broken invariant, so it
// panics with the place in the source. The compiler passes a structure per site whose first member
// is the place; types carry their name.
#include <kernel/base/panic.h>
#include <lib/types.h>

struct place {
    const char *file;
    u32 line, column;
};
struct type {
    u16 kind; // 0: integer
    u16 info; // integer: bit 0 signed, rest log2 of the width
    char name[];
};
struct site_typed {
    struct place place;
    const struct type *type;
};
struct site_shift {
    struct place place;
    const struct type *left, *right;
};
struct site_bounds {
    struct place place;
    const struct type *array, *index;
};
struct site_mismatch {
    struct place place;
    const struct type *type;
    u8 log_alignment;
    u8 kind; // of the access, see access_names
};
struct site_plain {
    struct place place;
};

static const char *const access_names[] = {
    "load of",         "store to",          "reference to",  "member access in", "member call on",
    "constructor of",  "downcast of",       "downcast of",   "upcast of",        "cast to base of",
    "nonnull pointer", "dynamic access of", "access through"};

#define HANDLER(name, ...) void __ubsan_handle_##name(__VA_ARGS__)
// The compiler makes up these calls: nothing else needs their prototypes.
HANDLER(add_overflow, const struct site_typed *s, u64 a, u64 b);
HANDLER(sub_overflow, const struct site_typed *s, u64 a, u64 b);
HANDLER(mul_overflow, const struct site_typed *s, u64 a, u64 b);
HANDLER(divrem_overflow, const struct site_typed *s, u64 a, u64 b);
HANDLER(negate_overflow, const struct site_typed *s, u64 a);
HANDLER(shift_out_of_bounds, const struct site_shift *s, u64 a, u64 b);
HANDLER(out_of_bounds, const struct site_bounds *s, u64 index);
HANDLER(type_mismatch_v1, const struct site_mismatch *s, u64 pointer);
HANDLER(alignment_assumption, const struct site_plain *s, u64 pointer, u64 alignment, u64 offset);
HANDLER(pointer_overflow, const struct site_plain *s, u64 base, u64 result);
HANDLER(load_invalid_value, const struct site_typed *s, u64 value);
HANDLER(vla_bound_not_positive, const struct site_typed *s, u64 bound);
HANDLER(float_cast_overflow, const struct site_plain *s, u64 from);
HANDLER(invalid_builtin, const struct site_plain *s);
HANDLER(nonnull_arg, const struct site_plain *s);
HANDLER(nullability_arg, const struct site_plain *s);
HANDLER(nonnull_return_v1, const void *s, const struct place *place);
HANDLER(nullability_return_v1, const void *s, const struct place *place);
HANDLER(builtin_unreachable, const struct site_plain *s);
HANDLER(missing_return, const struct site_plain *s);

[[noreturn]] static void report(const struct place *p, const char *what, const char *type, u64 a,
                                u64 b) {
    panic("undefined behaviour at %s:%u:%u: %s %s (0x%llx, 0x%llx)", p->file, p->line, p->column,
          what, type, (unsigned long long)a, (unsigned long long)b);
}

HANDLER(add_overflow, const struct site_typed *s, u64 a, u64 b) {
    report(&s->place, "addition overflows", s->type->name, a, b);
}
HANDLER(sub_overflow, const struct site_typed *s, u64 a, u64 b) {
    report(&s->place, "subtraction overflows", s->type->name, a, b);
}
HANDLER(mul_overflow, const struct site_typed *s, u64 a, u64 b) {
    report(&s->place, "multiplication overflows", s->type->name, a, b);
}
HANDLER(divrem_overflow, const struct site_typed *s, u64 a, u64 b) {
    report(&s->place, "division overflows or is by zero", s->type->name, a, b);
}
HANDLER(negate_overflow, const struct site_typed *s, u64 a) {
    report(&s->place, "negation overflows", s->type->name, a, 0);
}
HANDLER(shift_out_of_bounds, const struct site_shift *s, u64 a, u64 b) {
    report(&s->place, "shift out of range", s->left->name, a, b);
}
HANDLER(out_of_bounds, const struct site_bounds *s, u64 index) {
    report(&s->place, "index out of bounds of", s->array->name, index, 0);
}
HANDLER(type_mismatch_v1, const struct site_mismatch *s, u64 pointer) {
    const char *access = s->kind < countof(access_names) ? access_names[s->kind] : "access to";
    u64 alignment = (u64)1 << s->log_alignment;
    const char *what = pointer == 0                       ? "null pointer:"
                       : (pointer & (alignment - 1)) != 0 ? "misaligned pointer:"
                                                          : "pointer to too small an object:";
    panic("undefined behaviour at %s:%u:%u: %s %s %s (0x%llx, alignment %llu)", s->place.file,
          s->place.line, s->place.column, what, access, s->type->name, (unsigned long long)pointer,
          (unsigned long long)alignment);
}
HANDLER(alignment_assumption, const struct site_plain *s, u64 pointer, u64 alignment, u64 offset) {
    unused_arg(offset);
    report(&s->place, "alignment assumption is wrong", "", pointer, alignment);
}
HANDLER(pointer_overflow, const struct site_plain *s, u64 base, u64 result) {
    report(&s->place, "pointer arithmetic overflows", "", base, result);
}
HANDLER(load_invalid_value, const struct site_typed *s, u64 value) {
    report(&s->place, "value is not one of type", s->type->name, value, 0);
}
HANDLER(vla_bound_not_positive, const struct site_typed *s, u64 bound) {
    report(&s->place, "array length is not positive", s->type->name, bound, 0);
}
HANDLER(float_cast_overflow, const struct site_plain *s, u64 from) {
    report(&s->place, "number does not fit", "", from, 0);
}
HANDLER(invalid_builtin, const struct site_plain *s) {
    report(&s->place, "zero passed to a bit count", "", 0, 0);
}
HANDLER(nonnull_arg, const struct site_plain *s) {
    report(&s->place, "null passed as a nonnull argument", "", 0, 0);
}
HANDLER(nullability_arg, const struct site_plain *s) {
    report(&s->place, "null passed as a nonnull argument", "", 0, 0);
}
HANDLER(nonnull_return_v1, const void *s, const struct place *place) {
    unused_arg(s);
    report(place, "null returned as nonnull", "", 0, 0);
}
HANDLER(nullability_return_v1, const void *s, const struct place *place) {
    unused_arg(s);
    report(place, "null returned as nonnull", "", 0, 0);
}
HANDLER(builtin_unreachable, const struct site_plain *s) {
    report(&s->place, "unreachable code reached", "", 0, 0);
}
HANDLER(missing_return, const struct site_plain *s) {
    report(&s->place, "function ended without a value", "", 0, 0);
}
