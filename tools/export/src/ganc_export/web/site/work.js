/* One piece of work at a time: the rest waits in its order, and of images that wait the last alone is done. */

const waiting = [];
let busy = false;

/** Whether something is being done. */
export const isBusy = () => busy;

/**
 * Do it when what came before is done; return whether it failed.
 *
 * `isImage` says that it gives way to a later image that comes while it waits. `onError` is told what went wrong.
 */
export function queued(task, onError, isImage = false) {
  return new Promise((resolve) => {
    const earlier = isImage ? waiting.findIndex((one) => one.isImage) : -1;
    if (earlier >= 0) waiting.splice(earlier, 1)[0].resolve(false);
    waiting.push({ task, onError, isImage, resolve });
    if (!busy) doAll();
  });
}

async function doAll() {
  busy = true;
  document.body.dataset.state = "busy";
  for (let one = waiting.shift(); one; one = waiting.shift()) {
    let failed = false;
    try {
      await one.task();
    } catch (error) {
      failed = true;
      one.onError(error);
    }
    one.resolve(failed);
    await null; // whoever waited for it goes first
  }
  busy = false;
  document.body.dataset.state = "ready";
}
