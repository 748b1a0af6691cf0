// SPDX-License-Identifier: MIT
// Random insertions and removals against a plain set; every step checks order, parent links and
// balance.
#include <lib/tree.h>
#include <setjmp.h>
#include <stdarg.h>
// cmocka needs the headers above first
#include <cmocka.h>

constexpr u32 KEYS = 200;
struct item {
    struct tree_node node;
    u32 key;
    bool in;
};
static struct item items[KEYS];

static u64 random_next(u64 *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static int check_height(const struct tree_node *n, const struct tree_node *parent) {
    if (n == nullptr) {
        return 0;
    }
    assert_ptr_equal(n->parent, parent);
    int left = check_height(n->left, n);
    int right = check_height(n->right, n);
    assert_int_equal(n->balance, right - left);
    assert_true(n->balance >= -1 && n->balance <= 1);
    return 1 + (left > right ? left : right);
}

static void check_all(const struct tree *t) {
    (void)check_height(t->root, nullptr);
    const struct tree_node *n = tree_first(t);
    for (u32 i = 0; i < KEYS; i++) {
        if (items[i].in) {
            assert_ptr_equal(n, &items[i].node);
            n = tree_next(n);
        }
    }
    assert_null(n);
    n = tree_last(t);
    for (u32 i = KEYS; i-- > 0;) {
        if (items[i].in) {
            assert_ptr_equal(n, &items[i].node);
            n = tree_prev(n);
        }
    }
    assert_null(n);
}

static void insert(struct tree *t, struct item *it) {
    struct tree_node *parent = nullptr, **slot = &t->root;
    while (*slot != nullptr) {
        parent = *slot;
        slot =
            it->key < container_of(parent, struct item, node)->key ? &parent->left : &parent->right;
    }
    tree_insert(t, &it->node, parent, slot);
    it->in = true;
}

static void test_random(void **state) {
    (void)state;
    u64 seed = 12345;
    struct tree t = {};
    for (u32 i = 0; i < KEYS; i++) {
        items[i] = (struct item){.key = i};
    }
    for (u32 step = 0; step < 6000; step++) {
        struct item *it = &items[random_next(&seed) % KEYS];
        bool growing = (step / 1000) % 2 == 0;
        if (!it->in && (growing || random_next(&seed) % 4 == 0)) {
            insert(&t, it);
        } else if (it->in && (!growing || random_next(&seed) % 4 == 0)) {
            tree_remove(&t, &it->node);
            it->in = false;
        }
        check_all(&t);
    }
}

static void test_sorted_input(void **state) {
    (void)state;
    struct tree t = {};
    assert_null(tree_first(&t));
    assert_null(tree_last(&t));
    for (u32 i = 0; i < KEYS; i++) {
        items[i] = (struct item){.key = i};
        insert(&t, &items[i]);
    }
    check_all(&t);
    assert_true(check_height(t.root, nullptr) <= 9); // 1.44 log2(200)
    for (u32 i = 0; i < KEYS; i++) {
        tree_remove(&t, &items[i].node);
        items[i].in = false;
        check_all(&t);
    }
    assert_null(t.root);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_sorted_input)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
