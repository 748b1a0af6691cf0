// SPDX-License-Identifier: MIT
// pthreads: create, join, mutexes, conditions, thread-local data, detached ones.
#include "check.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long counter;
static int turn;
static _Thread_local int mine = 5;
static void *count(void *arg) {
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    mine += *(int *)arg;
    return (void *)(long)mine;
}
static void *ping(void *arg) {
    int me = *(int *)arg;
    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 2 != me) {
            pthread_cond_wait(&condition, &mutex);
        }
        turn++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return nullptr;
}
int main(void) {
    pthread_t threads[8];
    int numbers[8];
    for (int i = 0; i < 8; i++) {
        numbers[i] = i;
        MUST(-pthread_create(&threads[i], nullptr, count, &numbers[i]));
    }
    long sum = 0;
    for (int i = 0; i < 8; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    say("counter %ld, results %ld, mine %d", counter, sum, mine);
    pthread_create(&threads[0], nullptr, ping, &numbers[0]);
    pthread_create(&threads[1], nullptr, ping, &numbers[1]);
    pthread_join(threads[0], nullptr);
    pthread_join(threads[1], nullptr);
    say("turns %d", turn);
    // 200 threads one after the other.
    int ok = 0;
    for (int i = 0; i < 200; i++) {
        void *result;
        counter = -20000;
        if (pthread_create(&threads[0], nullptr, count, &numbers[0]) == 0) {
            pthread_join(threads[0], &result);
            ok += result == (void *)5L && counter == 0;
        }
    }
    say("joined %d", ok);
    // A timed wait comes back by itself.
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    say("timed wait: %s", error_name(pthread_cond_timedwait(&condition, &mutex, &until)));
    return 0;
}
