import io.tus.java.client.TusClient;
import io.tus.java.client.TusExecutor;
import io.tus.java.client.TusUpload;
import io.tus.java.client.TusURLMemoryStore;
import io.tus.java.client.TusUploader;
import io.tus.java.client.ProtocolException;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.util.Map;

/**
 * Uploads the file args[1] to the endpoint args[0] with tus-java-client, in requests of
 * args[2] bytes, and prints the upload's URL and how often it was broken off. It is run
 * from its source.
 */
class Upload {
  public static void main(String[] args) throws Exception {
    TusClient client = new TusClient();
    client.setUploadCreationURL(new URL(args[0]));
    client.setHeaders(Map.of("Authorization", "Bearer " + System.getenv("BULKHEAD_API_KEY")));
    client.enableResuming(new TusURLMemoryStore());
    TusUpload upload = new TusUpload(new File(args[1]));
    upload.setMetadata(Map.of("dataset", System.getenv("DATASET"), "filename", "java.csv"));
    int[] tries = {0};
    String[] url = {""};
    TusExecutor executor = new TusExecutor() {
      @Override
      protected void makeAttempt() throws ProtocolException, IOException {
        tries[0]++;
        TusUploader uploader = client.resumeOrCreateUpload(upload);
        uploader.setChunkSize(16 << 10);
        uploader.setRequestPayloadSize(Integer.parseInt(args[2]));
        while (uploader.uploadChunk() > -1) {}
        uploader.finish();
        url[0] = uploader.getUploadURL().toString();
      }
    };
    int[] delays = new int[60];
    java.util.Arrays.fill(delays, 50);
    executor.setDelays(delays);
    if (!executor.makeAttempts()) System.exit(1);
    System.out.printf("{\"url\":\"%s\",\"retries\":%d}%n", url[0], tries[0] - 1);
  }
}
