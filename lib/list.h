// SPDX-License-Identifier: MIT
// Intrusive doubly linked ring. The head is a node of its own; a node not in a list points to itself.
#pragma once
#include <lib/types.h>

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name) ((struct list){&(name), &(name)})

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_insert_between(struct list *n, struct list *prev, struct list *next) {
    n->prev = prev;
    n->next = next;
    prev->next = n;
    next->prev = n;
}
static inline void list_push_back(struct list *head, struct list *n) {
    list_insert_between(n, head->prev, head);
}
static inline void list_push_front(struct list *head, struct list *n) {
    list_insert_between(n, head, head->next);
}
static inline void list_remove(struct list *n) { // harmless on a node that is in no list
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}
static inline struct list *list_pop_front(struct list *head) { // null when empty
    if (list_empty(head)) {
        return nullptr;
    }
    struct list *n = head->next;
    list_remove(n);
    return n;
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_for_each(it, head, member)                                                            \
    for ((it) = list_entry((head)->next, typeof(*(it)), member); &(it)->member != (head);          \
         (it) = list_entry((it)->member.next, typeof(*(it)), member))
// The body may remove `it`.
#define list_for_each_safe(it, tmp, head, member)                                                  \
    for ((it) = list_entry((head)->next, typeof(*(it)), member),                                   \
        (tmp) = list_entry((it)->member.next, typeof(*(it)), member);                              \
         &(it)->member != (head);                                                                  \
         (it) = (tmp), (tmp) = list_entry((it)->member.next, typeof(*(it)), member))
