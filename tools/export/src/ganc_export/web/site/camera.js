/* The camera: on after a click, off after the next one and when the page is hidden. */

/** Hands frames to `onFrame`, one after another, each when the one before is done; `onStop` is called at every end. */
export class Camera {
  constructor(onFrame, onStop) {
    this.onFrame = onFrame;
    this.onStop = onStop;
    this.video = null;
    this.wanted = null; // what stands for the last start, until a stop
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.stop();
    });
  }

  get on() {
    return this.video !== null;
  }

  /**
   * Ask the visitor for the camera and begin, unless `stop` or another start came before the answer.
   * Throws where there is none or the visitor says no.
   */
  async start() {
    this.stop();
    const start = (this.wanted = {});
    let stream = null;
    const video = document.createElement("video");
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 640 }, height: { ideal: 480 } },
      });
      video.muted = true;
      video.playsInline = true;
      video.srcObject = stream;
      if (this.wanted === start && !document.hidden) await video.play();
    } catch (error) {
      end(stream);
      if (this.wanted !== start) return; // nobody waits for it any more
      this.wanted = null;
      throw error;
    }
    if (this.wanted !== start || document.hidden) {
      end(stream);
      return;
    }
    this.video = video;
    for (const track of stream.getTracks()) {
      track.onended = () => this.video === video && this.stop(); // unplugged, or taken back by the visitor
    }
    this.follow(video);
  }

  stop() {
    const video = this.video;
    this.video = this.wanted = null;
    if (!video) return;
    end(video.srcObject);
    this.onStop();
  }

  async follow(video) {
    while (this.video === video) {
      try {
        await this.onFrame(video);
      } catch {
        this.stop(); // what went wrong was shown by whoever made the frame
      }
      await new Promise(requestAnimationFrame);
    }
  }
}

function end(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
