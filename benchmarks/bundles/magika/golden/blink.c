/* Blinks the lamp of a board, once a second. */
#include <stdbool.h>
#include "board.h"

int main(void)
{
    bool on = false;

    board_init();
    for (;;) {
        on = !on;
        gpio_write(LED_PIN, on);
        sleep_ms(500);
    }
    return 0;
}
